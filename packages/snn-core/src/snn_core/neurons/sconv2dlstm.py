"""A spiking convolutional long short-term memory cell."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_core.engines.dtypes import as_dtype
from snn_core.neuron.recurrence import same_size_padding
from snn_core.neuron.signatures import ORDER, NeuronOptions, takes
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neurons.slstm import memory_and_output


class SConv2dLSTM(SpikingNeuron):
    r"""Convolutional LSTM cell that fires where its output, which may be pooled, exceeds the threshold.

    The gates are one convolution of the input and the last output, stacked along the channels;
    :math:`S[t] = g\,\Theta(\mathrm{pool}(h[t]) - \vartheta)`. A reset acts on h, unpooled and after the cell:
    ``"subtract"`` lowers it by the threshold, ``"zero"`` clears it; c is left alone.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the states.
        kernel_size: Size of the convolution's kernel: odd, an int or a pair.
        bias: True for a convolution with a bias.
        max_pool: Window of a max pooling of h before the threshold; 0 for none.
        avg_pool: Window of an average pooling of h before the threshold; 0 for none.

    The other options are those of :class:`~snn_core.SpikingNeuron`.

    Shape:
        input ``[batch, in_channels, H, W]``; memory ``syn`` (c) and output ``mem`` (h) ``[batch, out_channels, H, W]``;
        spikes the same, or pooled.

    Returns:
        ``(spk, syn, mem)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``.

    Raises:
        ValueError: If both kinds of pooling are requested, the kernel is even, or input or state do not fit.

    Example:
        >>> cell = SConv2dLSTM(in_channels=1, out_channels=2, kernel_size=3, max_pool=2)
        >>> spk, syn, mem = cell(torch.rand(5, 1, 8, 8))
        >>> spk.shape, mem.shape
        (torch.Size([5, 2, 4, 4]), torch.Size([5, 2, 8, 8]))

    Source: Shi et al., Convolutional LSTM Network (2015).
    """

    class State(NamedTuple):
        """Memory c and output h of the cell."""

        syn: Tensor
        mem: Tensor

    clears_first: ClassVar[bool] = False
    ceiling: ClassVar[float] = 1.0
    described: ClassVar[tuple[str, ...]] = ("in_channels", "out_channels", "kernel_size", "max_pool", "avg_pool")

    @takes(ORDER, reset_mechanism="none")
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        bias: bool = True,
        max_pool: int | tuple[int, int] = 0,
        avg_pool: int | tuple[int, int] = 0,
        *args: Any,
        **options: Unpack[NeuronOptions],
    ) -> None:
        super().__init__(**options)
        if max_pool and avg_pool:
            raise ValueError(f"SConv2dLSTM pools by max_pool or by avg_pool, not both, got {max_pool=}, {avg_pool=}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.max_pool = max_pool
        self.avg_pool = avg_pool
        self.bias = bias
        padding = same_size_padding("SConv2dLSTM", kernel_size)
        self.conv: nn.Conv2d = nn.Conv2d(
            in_channels + out_channels, 4 * out_channels, kernel_size, padding=padding, bias=bias
        )

    def state_shape(self, x: Tensor) -> torch.Size:
        if x.dim() != 4 or x.shape[1] != self.in_channels:
            raise ValueError(f"SConv2dLSTM takes [batch, {self.in_channels}, H, W] in every step, got {tuple(x.shape)}")
        return torch.Size((x.shape[0], self.out_channels, *x.shape[2:]))

    def integrate(self, x: Tensor, state: Any) -> Any:
        i, f, o, g = as_dtype(self.conv(torch.cat([x, state.mem], dim=1)), x.dtype).chunk(4, dim=1)
        syn, mem = memory_and_output(i, f, g, o, state.syn)
        return state._replace(syn=syn, mem=mem)

    def emit(self, state: Any, fired: Tensor) -> Tensor:
        if self.max_pool:
            return self._crossing(F.max_pool2d(state.mem, self.max_pool))
        if self.avg_pool:
            return self._crossing(F.avg_pool2d(state.mem, self.avg_pool))
        return fired
