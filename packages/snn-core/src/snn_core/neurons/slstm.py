"""A spiking long short-term memory cell."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_core.engines.dtypes import as_dtype
from snn_core.neuron.signatures import ORDER, NeuronOptions, takes
from snn_core.neuron.spiking import SpikingNeuron


class SLSTM(SpikingNeuron):
    r"""LSTM cell that fires where its output exceeds the threshold.

    .. math:: (c[t], h[t]) = \mathrm{LSTM}(X[t], (c[t-1], h[t-1])), \qquad S[t] = g\,\Theta(h[t] - \vartheta)

    A reset acts on h after the cell: ``"subtract"`` lowers it by the threshold, ``"zero"`` clears it; c is left alone.

    Args:
        input_size: Features of the input.
        hidden_size: Number of neurons.
        bias: True for a cell with biases.

    The other options are those of :class:`~snn_core.SpikingNeuron`.

    Shape:
        input ``[batch, input_size]``; spikes, memory ``syn`` (c) and output ``mem`` (h) ``[batch, hidden_size]``.

    Returns:
        ``(spk, syn, mem)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``.

    Raises:
        ValueError: If the input has the wrong number of features.

    Example:
        >>> spk, syn, mem = SLSTM(input_size=4, hidden_size=3)(torch.rand(2, 4))
        >>> mem.shape
        torch.Size([2, 3])

    Source: Hochreiter and Schmidhuber, Long Short-Term Memory (1997).
    """

    class State(NamedTuple):
        """Memory c and output h of the cell."""

        syn: Tensor
        mem: Tensor

    clears_first: ClassVar[bool] = False
    ceiling: ClassVar[float] = 1.0
    described: ClassVar[tuple[str, ...]] = ("input_size", "hidden_size", "bias")

    @takes(ORDER, reset_mechanism="none")
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *args: Any, **options: Unpack[NeuronOptions]
    ) -> None:
        super().__init__(**options)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        self.lstm_cell: nn.LSTMCell = nn.LSTMCell(input_size, hidden_size, bias=bias)

    def state_shape(self, x: Tensor) -> torch.Size:
        if x.dim() == 0 or x.shape[-1] != self.input_size:
            raise ValueError(f"SLSTM takes [batch, {self.input_size}] in every step, got {tuple(x.shape)}")
        return torch.Size((*x.shape[:-1], self.hidden_size))

    def integrate(self, x: Tensor, state: Any) -> Any:
        cell = self.lstm_cell
        weighted = F.linear(x, cell.weight_ih, cell.bias_ih), F.linear(state.mem, cell.weight_hh, cell.bias_hh)
        of_input, fed_back = (as_dtype(product, x.dtype) for product in weighted)  # autocast may have rounded them
        gates = of_input + fed_back
        i, f, g, o = gates.chunk(4, dim=-1)
        syn, mem = memory_and_output(i, f, g, o, state.syn)
        return state._replace(syn=syn, mem=mem)


def memory_and_output(i: Tensor, f: Tensor, g: Tensor, o: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return the next memory and output of an LSTM cell, from its pre-activations and its memory.

    .. math:: c' = \sigma(f)\,c + \sigma(i)\tanh(g), \qquad h' = \sigma(o)\tanh(c')

    It is written out because torch's fused cell has no batching rule for ``torch.func.vmap``.

    Source: Hochreiter and Schmidhuber, Long Short-Term Memory (1997); Gers et al. (2000) for the forget gate.
    """
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return c, torch.sigmoid(o) * torch.tanh(c)
