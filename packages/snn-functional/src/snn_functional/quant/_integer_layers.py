"""Layers that compute in integers what a layer on a power-of-two grid computes in floating point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from snn_core import Leaky
from snn_core.neuron import Temporal
from snn_core.surrogate import Surrogate
from snn_functional._messages import fault, must
from snn_functional.quant._integers import Signal, as_integers, check_exact, largest_of
from snn_functional.quant.grid import fixed_point


class _IntegerWeights(nn.Module):
    """Sums of weighted inputs: integer weights, and a bias on the grid of the sums."""

    weight: Tensor
    bias: Tensor | None
    state_bits: int | None = None

    def __init__(self, layer: Any, name: str, entering: Signal) -> None:
        super().__init__()
        weight, weight_bits = as_integers(layer.weight, f"{name}: weight")
        bias, bias_bits = None, 0
        if layer.bias is not None:
            bias, bias_bits = as_integers(layer.bias, f"{name}: bias")
        bits = max(entering.fraction_bits + weight_bits, bias_bits)
        weight_shift, bias_shift = bits - entering.fraction_bits - weight_bits, bits - bias_bits
        largest = (largest_of(weight.abs().flatten(1).sum(1)) << weight_shift) * entering.largest
        if bias is not None:
            largest += largest_of(bias) << bias_shift
        check_exact(largest, layer.weight.dtype, name)
        self.leaving = Signal(bits, largest)
        self.register_buffer("weight", weight << weight_shift)
        self.register_buffer("bias", None if bias is None else bias << bias_shift)


class IntegerLinear(_IntegerWeights):
    """The layer ``nn.Linear`` in integers."""

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class IntegerConv(_IntegerWeights):
    """The layer ``nn.Conv1d`` or ``nn.Conv2d`` in integers."""

    def __init__(self, layer: Any, name: str, entering: Signal) -> None:
        if layer.padding_mode != "zeros":
            raise ValueError(must(f"{name}: padding_mode", "be 'zeros'", repr(layer.padding_mode)))
        super().__init__(layer, name, entering)
        self._convolve: Callable[..., Tensor] = F.conv1d if layer.weight.dim() == 3 else F.conv2d
        self.geometry = layer.stride, layer.padding, layer.dilation, layer.groups

    def forward(self, x: Tensor) -> Tensor:
        return self._convolve(x, self.weight, self.bias, *self.geometry)


class IntegerMaxPool1d(nn.Module):
    """The layer ``nn.MaxPool1d`` in integers; torch pools integers in one dimension only with indices."""

    def __init__(self, pool: Any) -> None:
        super().__init__()
        self.geometry = pool.kernel_size, pool.stride, pool.padding, pool.dilation, pool.ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool1d_with_indices(x, *self.geometry)[0]


class IntegerLeaky(Temporal):
    r"""The neuron ``Leaky`` in integers.

    With :math:`\beta = b\,2^{-k}` and a membrane of f fraction bits, :math:`b\,U` has f + k of them; the input is
    added there, and the sum is rounded back to f bits.
    """

    keeps_by_sample: ClassVar[bool] = True
    decay: Tensor
    threshold: Tensor
    amplitude: Tensor

    def __init__(self, neuron: Leaky, name: str, entering: Signal) -> None:
        super().__init__()
        grid = _grid_of(neuron, name)
        decay, decay_bits = as_integers(neuron.membrane_decay, f"{name}: beta")
        threshold, threshold_bits = as_integers(neuron.threshold, f"{name}: threshold")
        amplitude, amplitude_bits = as_integers(neuron.graded_spikes_factor, f"{name}: graded_spikes_factor")
        if threshold_bits > grid.fraction_bits:
            raise ValueError(
                fault(
                    f"{name}: threshold has {threshold_bits} fractional bits, its membrane {grid.fraction_bits}",
                    "give state_quant as many fraction_bits, or round the threshold",
                )
            )
        bits = max(grid.fraction_bits + decay_bits, entering.fraction_bits)
        self.grid = grid
        self.input_shift = bits - entering.fraction_bits
        self.state_shift = bits - grid.fraction_bits
        self.reset_mechanism = neuron.reset_mechanism
        self.reset_delay = neuron.reset_delay
        self.output = neuron.output
        self.leaving = Signal(amplitude_bits, largest_of(amplitude))
        self.state_bits: int | None = grid.fraction_bits if neuron.output else None
        decay_shift, threshold_shift = self.state_shift - decay_bits, grid.fraction_bits - threshold_bits
        subtracted = largest_of(threshold) << threshold_shift
        largest = (
            (largest_of(decay) << decay_shift) * (2 ** (grid.num_bits - 1) + subtracted)
            + (entering.largest << self.input_shift)
            + (subtracted << self.state_shift)
        )
        check_exact(largest, neuron.threshold.dtype, name)
        self.register_buffer("decay", decay << decay_shift)
        self.register_buffer("threshold", threshold << threshold_shift)
        self.register_buffer("amplitude", amplitude)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        mem = self._state(x)
        fired = (mem > self.threshold).long()
        if self.reset_delay and self.reset_mechanism == "zero":
            mem = mem * (1 - fired)
        total = self.decay * mem + (x << self.input_shift)
        if self.reset_delay and self.reset_mechanism == "subtract":
            total = total - fired * (self.threshold << self.state_shift)
        mem = _shifted(total, self.state_shift, self.grid.rounding).clamp(self.grid.lowest, self.grid.highest)
        fired = (mem > self.threshold).long()
        if not self.reset_delay and self.reset_mechanism == "zero":
            mem = mem * (1 - fired)
        if not self.reset_delay and self.reset_mechanism == "subtract":
            mem = mem - fired * self.threshold
        self._keep((mem,))
        spk = fired * self.amplitude
        return (spk, mem) if self.output else spk

    def _state(self, x: Tensor) -> Tensor:
        kept = self._recall()
        if kept is None:
            return torch.zeros_like(x)
        if kept[0].shape != x.shape:
            raise ValueError(
                fault(
                    f"the neuron keeps a membrane of shape {tuple(kept[0].shape)} from its last call, but this input "
                    f"takes {tuple(x.shape)}",
                    "call snn.utils.reset(net) before a new batch or sequence",
                )
            )
        return kept[0]


def _shifted(integers: Tensor, bits: int, rounding: str) -> Tensor:
    """Return integers divided by ``2**bits`` and rounded: halves to the even neighbor, or all down."""
    if bits == 0 or rounding == "floor":
        return integers >> bits
    # an odd quotient moves exactly a half over the border
    return (integers + (2 ** (bits - 1) - 1) + ((integers >> bits) & 1)) >> bits


def _grid_of(neuron: Leaky, name: str) -> fixed_point:
    """Return the grid of a neuron's membrane; refuse options that integers cannot follow."""
    grid = neuron.state_quant
    if not isinstance(grid, fixed_point):
        raise TypeError(
            must(
                f"{name}: state_quant",
                "be quant.fixed_point(num_bits, fraction_bits), for a membrane of integers",
                repr(grid),
            )
        )
    if not isinstance(neuron.spike_grad, Surrogate):
        raise TypeError(
            must(f"{name}: spike_grad", "be one of snn.surrogate, whose spikes are 0 or 1", repr(neuron.spike_grad))
        )
    if not neuron.init_hidden:
        raise ValueError(must(f"{name}: init_hidden", "be True, as an integer net keeps its states", "False"))
    if neuron.inhibition:
        raise ValueError(must(f"{name}: inhibition", "be False, as an integer net has none", "True"))
    return grid
