"""Integer nets: int8 weights if they fit, int32 sums, decays by shifts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from snn_export.c.arrays import integer_type
from snn_export.c.convolutions import Convolution, axes_of
from snn_export.c.elementwise import index
from snn_export.c.names import Names
from snn_export.c.pooling import Pool
from snn_export.c.products import Linear
from snn_export.c.routine import Buffer, Field, Layer, Refusal, Routine, View, blocks
from snn_export.c.source import Source, source_of
from snn_export.step import at_rest, called

__all__ = ["IntegerNeuron", "highest", "integer_source"]


@dataclass(eq=False)
class IntegerNeuron(Layer):
    """A leaky neuron that computes with integers."""

    neuron: Any
    field: Field

    def routine(self, names: Names) -> Routine:
        n, arrays = self.neuron, []

        def constant(what: str) -> str:
            value = getattr(n, what)
            if value.numel() == 1:
                return f"const int32_t {what} = {int(value)};"
            padded = value.reshape((1,) * (len(self.x.shape) - value.dim()) + tuple(value.shape))
            padded = padded if index(padded.shape, self.x.shape) else padded.expand(self.x.shape)
            ctype = integer_type(int(value.abs().max()))
            arrays.append(names.array(self.path, what, ctype, padded, f"{what} {list(value.shape)}"))
            return f"const int32_t {what} = {arrays[-1].name}[{index(padded.shape, self.x.shape)}];"

        membrane = f"state->{self.field.name}[i]"
        delayed = n.reset_delay and n.reset_mechanism != "none"
        now = not n.reset_delay and n.reset_mechanism != "none"
        zero = n.reset_mechanism == "zero"
        lines = [constant(what) for what in ("decay", "threshold", "amplitude")]
        lines += [f"int32_t mem = {membrane};"]
        if delayed:
            lines += ["const int fired = mem > threshold;"]
        if delayed and zero:
            lines += ["if (fired) {", "mem = 0;", "}"]
        lines += [f"int32_t total = decay * mem + (int32_t)x0[i] * {2**n.input_shift};"]
        if delayed and not zero:
            lines += ["if (fired) {", f"total -= threshold * {2**n.state_shift};", "}"]
        lines += self._rounded()
        for bound, sign in ((n.grid.lowest, "<"), (n.grid.highest, ">")):
            lines += [f"if (total {sign} {bound}) {{", f"total = {bound};", "}"]
        lines += ["const int fires = total > threshold;"]
        if now:
            lines += ["if (fires) {", "total = 0;" if zero else "total -= threshold;", "}"]
        lines += [f"{membrane} = ({self.field.ctype})total;"]
        lines += [f"y[i] = ({self.y.buffer.ctype})(fires ? amplitude : 0);"]
        body = blocks(f"for (int i = 0; i < {self.writes.size}; i++) {{", *lines, "}")
        return Routine(self, body, arrays, [self.field], operations=self.writes.size * 8, in_place=True)

    def _rounded(self) -> list[str]:
        bits = self.neuron.state_shift
        if bits == 0:
            return []
        if self.neuron.grid.rounding == "floor":
            return [f"total = shifted(total, {bits});"]
        half = 2 ** (bits - 1) - 1
        return [f"total = shifted(total + {half} + (shifted(total, {bits}) & 1), {bits}); /* halves to even */"]

    def largest(self, entering: int) -> int:
        """Return a bound on the integers that it computes from inputs up to some magnitude."""
        n = self.neuron
        decay, threshold = (int(t.abs().max()) for t in (n.decay, n.threshold))
        total = decay * (2 ** (n.grid.num_bits - 1) + threshold) + entering * 2**n.input_shift
        return total + threshold * 2**n.state_shift + 2**n.state_shift


def integer_source(net: Any, x: Tensor, names: Names) -> Source:
    """Return the source of an integer net."""
    with torch.no_grad(), at_rest(net):
        called(net, [torch.zeros_like(x)])
    lowering = _Integers(net, x, names)
    fraction = net.fraction_bits if isinstance(net.fraction_bits, tuple) else (net.fraction_bits,)
    ctypes = lowering.input.buffer.ctype, "int32_t"
    more = {"bounds": (-net.entering.largest, highest(net)), "fraction_bits": fraction}
    return source_of(lowering.nodes, lowering.input, lowering.outputs, ctypes, names, **more)


class _Integers:
    """The lowering of the layers of an integer net to C functions."""

    def __init__(self, net: Any, x: Tensor, names: Names) -> None:
        self.names = names
        self.nodes: list[Any] = []
        self._bound = net.entering.largest
        x = x[:1].long()
        shape = tuple(x.shape[1:])
        ctype = _type("the input", highest(net))
        self.input = View(Buffer(math.prod(shape), ctype, spikes=self._bound == 1), shape)
        self.outputs: list[View] = [self.input]
        for path, layer in _leaves("", net.layers):
            kind, view = type(layer).__name__, self.outputs[0]
            x = x if hasattr(layer, "decay") else layer(torch.zeros_like(x))
            shape = tuple(x.shape[1:])
            if isinstance(layer, nn.Flatten | nn.Identity):
                view = View(view.buffer, shape)
            else:
                view = self._lower(f"{path} ({kind})" if path else kind, path, kind, layer, view, shape)
            self.outputs = [view, *self.outputs[1:]] if getattr(layer, "output", False) else [view]

    def _lower(self, where: str, path: str, kind: str, layer: Any, x: View, shape: tuple[int, ...]) -> View:
        size = math.prod(shape)
        if hasattr(layer, "decay"):
            return self._neuron(where, path, kind, layer, x)
        if hasattr(layer, "weight"):
            y = View(Buffer(size, "int32_t"), shape)
            weight, scale = _without_common_bits(layer.weight)
            types = _type(where, int(weight.abs().max()) if weight.numel() else 0), "int32_t"
            self._bound = int(layer.weight.abs().flatten(1).sum(1).max()) * self._bound
            self._bound += 0 if layer.bias is None else int(layer.bias.abs().max())
            _type(where, self._bound)
            of_layer = path, kind, [x], y, weight, layer.bias, types, scale
            if kind == "IntegerLinear":
                self.nodes.append(Linear(*of_layer))
                return y
            stride, padding, dilation, groups = layer.geometry
            axes = axes_of(x, y, weight.shape[2:], stride, padding, dilation)
            self.nodes.append(Convolution(*of_layer, axes=axes, groups=groups))
            return y
        windows = "kernel_size", "stride", "padding", "dilation"
        options = layer.geometry[:4] if hasattr(layer, "geometry") else [getattr(layer, name) for name in windows]
        y = View(Buffer(size, x.buffer.ctype, spikes=x.buffer.spikes), shape)
        self.nodes.append(Pool(path, kind, [x], y, axes_of(x, y, *options), largest=True))
        return y

    def _neuron(self, where: str, path: str, kind: str, layer: Any, x: View) -> View:
        lowest, highest = layer.grid.lowest, layer.grid.highest
        least = min(int(layer.threshold.min()), 0) if not layer.reset_delay else 0
        ctype = _type(where, max(-lowest - 1, highest - least))
        field = Field(self.names.new(path, "mem"), ctype, x.buffer.size, f"membranes, {lowest} to {highest}")
        bound = int(layer.amplitude.abs().max())
        y = View(Buffer(x.buffer.size, _type(where, bound), spikes=True), x.shape)
        node = IntegerNeuron(path, kind, [x], y, layer, field)
        _type(where, node.largest(self._bound))
        self.nodes.append(node)
        self._bound = bound
        if layer.output:
            membrane = Buffer(x.buffer.size, ctype, place=f"state->{field.name}", meaning="membranes")
            self.outputs = [y, View(membrane, x.shape)]
        return y


def highest(net: Any) -> int:
    """Return the largest integer that a net in C takes; the smallest is the integer net's.

    A grid of n bits ends at 2^(n-1) - 1, so its integers have n bits.
    """
    most = net.entering.largest
    return most - 1 if most > 1 and most & (most - 1) == 0 else most


def _leaves(path: str, layer: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    if type(layer) is not nn.Sequential:
        yield path, layer
        return
    for name, child in layer._modules.items():
        yield from _leaves(f"{path}.{name}" if path else name, child)  # pyrefly: ignore[bad-argument-type]


def _without_common_bits(weight: Tensor) -> tuple[Tensor, int]:
    """Return weights divided by the largest power of two that divides all of them, and that power."""
    scale = 1
    while scale < 2**31 and bool((weight % (2 * scale) == 0).all()) and bool(weight.any()):
        scale *= 2
    return weight // scale, scale


def _type(where: str, largest: int) -> str:
    try:
        return integer_type(largest)
    except ValueError as why:
        raise Refusal(f"{where} cannot be written in C: {why}") from None
