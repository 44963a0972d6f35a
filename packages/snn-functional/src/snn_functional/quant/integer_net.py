"""A quantized net that runs on integers alone."""

from __future__ import annotations

import copy
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import type_before_parametrizations

from snn_core import Leaky
from snn_functional._messages import fault, must
from snn_functional.quant._integer_layers import IntegerConv, IntegerLeaky, IntegerLinear, IntegerMaxPool1d
from snn_functional.quant._integers import Signal, largest_of
from snn_functional.quant.grid import fixed_point

_CONVERTED: dict[type[nn.Module], Any] = {
    nn.Linear: IntegerLinear,
    nn.Conv1d: IntegerConv,
    nn.Conv2d: IntegerConv,
    Leaky: IntegerLeaky,
}
_MOVES = (nn.Flatten, nn.Identity, nn.MaxPool1d, nn.MaxPool2d)
_TAKEN = "Linear, Conv1d, Conv2d, Leaky, MaxPool1d, MaxPool2d, Flatten, Identity, and Sequential nets of these"


class IntegerNet(nn.Module):
    """A net of integers that takes one time step per call; :func:`integer` makes it.

    ``utils.reset(net)`` puts it at rest, and ``unroll(net, xs)`` runs a sequence, as with every net.

    Attributes:
        layers: The layers, under the names of those they replace.
        fraction_bits: f of every output; an output is its integers times ``2**-f``. An int for one output, else a
            tuple of them.
        entering: The fraction bits of the input and its largest magnitude.
    """

    def __init__(self, layers: nn.Module, entering: Signal, fraction_bits: int | tuple[int, int]) -> None:
        super().__init__()
        self.layers = layers
        self.fraction_bits = fraction_bits
        self.entering = entering

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Run one time step.

        Args:
            x: Integers ``[batch, ...]``, int32 or int64: spikes, or what ``fixed_point.integers`` returns.

        Returns:
            The outputs of the floating-point net, spikes or ``(spk, mem)``, as integers, int64.

        Raises:
            TypeError: If ``x`` is not a tensor of int32 or int64.
            ValueError: If an integer is larger than the net was made for, or a kept state does not fit.
        """
        if not isinstance(x, Tensor):
            raise TypeError(must("x", "be a torch.Tensor of integers", type(x).__name__))
        if x.dtype not in (torch.int32, torch.int64):
            raise TypeError(
                must("x", "be int32 or int64", f"dtype {x.dtype}", "pass fixed_point.integers(x) or spk.long()")
            )
        result = largest_of(x.long())
        if result > self.entering.largest:
            raise ValueError(
                fault(
                    f"x contains an integer of magnitude {result}, but this net takes up to {self.entering.largest}",
                    "make it with integer(net, inputs=fixed_point(...)) for larger ones",
                )
            )
        return self.layers(x.long())


def integer(net: nn.Module, inputs: fixed_point | None = None) -> IntegerNet:
    r"""Return the same net on integers: spikes and states are bit for bit those of the floating-point net.

    Every number is an integer times a power of two, and every sum and product is computed on integers. This works if

    - the net is a ``Sequential``, which may be nested, of Linear, Conv1d, Conv2d, ``Leaky``, MaxPool1d, MaxPool2d,
      Flatten and Identity, or a single one of these;
    - every weight, bias, beta, threshold and graded factor has at most 24 bits after the point, as ``weight_quant``
      with ``power_of_two=True`` or ``fraction_bits`` gives; beta is a fraction :math:`b\,2^{-k}` such as 0.875;
    - every ``Leaky`` has ``init_hidden=True`` and ``state_quant=fixed_point(...)``, whose rounding the integers follow,
      and its threshold has no more bits after the point than its membrane;
    - no intermediate integer can leave the range in which the dtype of the net's parameters is exact, up to
      :math:`2^{24}` for float32, as the bounds of weights, states and input prove; and
    - the floating-point net adds products as they are, unlike TF32 and Winograd convolutions on a GPU.

    Any other net raises an error. The parameters are copied. torch multiplies integer matrices on the CPU only.

    Args:
        net: The net, which takes one time step per call.
        inputs: The grid of the input; None for spikes, integers from -1 to 1.

    Returns:
        The net on integers, int64, at rest.

    Raises:
        TypeError: If ``net`` or one of its layers is of another kind, a state is not quantized to a grid, or a
            surrogate is not one of :mod:`snn_core.surrogate`.
        ValueError: If a constant is not on a grid, a layer has an option that integers cannot follow, or a bound is
            too large for the net's dtype.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> from snn_functional import quant
        >>> grid = quant.fixed_point(num_bits=8, fraction_bits=3)
        >>> lif = snn.Leaky(beta=0.75, init_hidden=True, output=True, state_quant=grid)
        >>> on_integers = quant.integer(lif, inputs=grid)
        >>> x = torch.tensor([[0.25, 1.5]])
        >>> lif(x)
        (tensor([[0., 1.]]), tensor([[0.2500, 1.5000]]))
        >>> on_integers(grid.integers(x))
        (tensor([[0, 1]]), tensor([[ 2, 12]]))
        >>> on_integers.fraction_bits
        (0, 3)

    Source: Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference
    (2018).
    """
    if not isinstance(net, nn.Module):
        raise TypeError(must("net", "be an nn.Module", type(net).__name__))
    if inputs is not None and not isinstance(inputs, fixed_point):
        raise TypeError(
            must("inputs", "be quant.fixed_point(num_bits, fraction_bits), or None for spikes", repr(inputs))
        )
    _check_neurons_are_distinct(net)
    entering = Signal(0, 1) if inputs is None else Signal(inputs.fraction_bits, -inputs.lowest)
    layers, leaving, state_bits = _convert(net, "", entering)
    bits = leaving.fraction_bits if state_bits is None else (leaving.fraction_bits, state_bits)
    return IntegerNet(layers, entering, bits)


def _convert(layer: Any, path: str, entering: Signal) -> tuple[nn.Module, Signal, int | None]:
    """Return a layer on integers, its output signal, and the fraction bits of the state that it returns, if any."""
    kind = type_before_parametrizations(layer)
    name = f"{path} ({kind.__name__})" if path else kind.__name__
    if kind is nn.Sequential:
        return _convert_in_turn(layer, path, entering)
    if kind in _MOVES:
        if getattr(layer, "return_indices", False):
            raise ValueError(
                must(f"{name}: return_indices", "be False, as an integer net returns spikes and states alone", "True")
            )
        pool = IntegerMaxPool1d(layer) if kind is nn.MaxPool1d else copy.deepcopy(layer)
        return pool, entering, None
    if kind not in _CONVERTED:
        raise TypeError(fault(f"{name} has no integer form; an integer net is made of {_TAKEN}"))
    converted = _CONVERTED[kind](layer, name, entering)
    return converted, converted.leaving, converted.state_bits


def _convert_in_turn(net: nn.Sequential, path: str, entering: Signal) -> tuple[nn.Module, Signal, int | None]:
    converted: OrderedDict[str, nn.Module] = OrderedDict()
    state_bits = None
    for key, layer in net._modules.items():  # named_children skips a layer that appears a second time
        if state_bits is not None:
            raise ValueError(
                fault(f"output=True is for the last layer; {path}{key} would be passed a tuple", "pass output=False")
            )
        converted[key], entering, state_bits = _convert(layer, f"{path}.{key}" if path else key, entering)
    return nn.Sequential(converted), entering, state_bits


def _check_neurons_are_distinct(net: nn.Module) -> None:
    seen: dict[nn.Module, str] = {}
    for path, layer in net.named_modules(remove_duplicate=False):
        if isinstance(layer, Leaky) and layer in seen:
            raise ValueError(
                fault(f"{seen[layer]} and {path} are the same neuron and share its state", "make two neurons")
            )
        seen[layer] = path
