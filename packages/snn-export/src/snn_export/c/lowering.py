"""The lowering of a net's calls to C functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import type_before_parametrizations

from snn_core import AxonalDelay, DelayedConv2d, DelayedLinear, SpikingNeuron, program
from snn_core.effects import name_of
from snn_core.graph import Held, Named, Place, Step
from snn_core.neuron import Temporal, WholeSequence, constants_of
from snn_core.programs import Instruction, Program, Register, StepProgram, lowered
from snn_export.c.calls import Calls, argument, operands
from snn_export.c.convolutions import Convolution, axes_of
from snn_export.c.delays import Axonal, Delayed
from snn_export.c.moves import Concatenation
from snn_export.c.names import Names
from snn_export.c.neurons import Elementwise, Neuron
from snn_export.c.pooling import Pool, Reduction
from snn_export.c.products import Linear, Product
from snn_export.c.routine import Buffer, Field, Layer, Refusal, View, place_of

__all__ = ["Lowering"]

# functions that do not change any number, except to a condition
_SAME = {*"flatten reshape view view_as reshape_as squeeze unsqueeze unflatten contiguous clone detach".split()}
_SAME |= {*"float to type dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout".split()}
_OPERATORS = {"__truediv__": "div", "__rsub__": "rsub", "true_divide": "div", "subtract": "sub", "multiply": "mul"}
_FUNCTIONS = {*"add sub mul div rsub rdiv pow minimum maximum clamp clamp_min clamp_max where".split()}
_FUNCTIONS |= {*"gt ge lt le eq ne relu relu6 hardtanh sigmoid tanh abs neg sign floor square sqrt rsqrt".split()}
_FUNCTIONS |= {*"reciprocal exp expm1 log log1p sin cos".split()}
_OF_CONDITIONS = ("where", "mul")


class Lowering:
    """The lowering of the calls of a net, one after another, to C functions."""

    def __init__(self, calls: Calls, names: Names, spikes: bool = False) -> None:
        self.calls = calls
        self.names = names
        self.nodes: list[Layer] = []
        shape = calls.shape(0)
        self.input: View = View(Buffer(math.prod(shape), spikes=spikes), shape)
        self._views: dict[int, View] = {0: self.input}
        for step in calls.steps:
            if step.of_step:
                self._lower(step)

    def outputs(self) -> list[View]:
        """Return the net's outputs."""
        return [self._views[number] for number in self.calls.outputs]

    def _lower(self, step: Step) -> None:
        module = self.calls.net.get_submodule(step.path)
        try:
            if step.way == "ahead":
                raise Refusal("it takes part in drawing random numbers")
            if type(module).__name__ == step.kind and isinstance(module, Temporal):
                self._temporal(step, module)
            else:
                self._function(step, module)
        except (Refusal, NotImplementedError) as why:
            raise Refusal(f"{place_of(step.path, step.kind)} cannot be written in C: {why}") from None

    def _new(self, number: int, spikes: bool = False) -> View:
        shape = self._shape(number)
        self._views[number] = View(Buffer(math.prod(shape), spikes=spikes), shape)
        return self._views[number]

    def _shape(self, number: int) -> tuple[int, ...]:
        """Return the shape of a value for one sample."""
        dtype = self.calls.values[number].dtype
        if dtype not in (torch.float32, torch.bool):
            raise Refusal(f"it gives {dtype}; a net in C computes with float32")
        return self.calls.shape(number)

    def _temporal(self, step: Step, module: Any) -> None:
        x = self._views[step.args[0].number]
        if isinstance(module, WholeSequence):
            raise Refusal(f"it takes a whole sequence at once; {module.instead}")
        if isinstance(module, SpikingNeuron):
            self._neuron(step, module, x)
        elif isinstance(module, AxonalDelay):
            self.nodes.append(Axonal(step.path, step.kind, [x], self._new(step.places[0], x.buffer.spikes), module))
        elif isinstance(module, DelayedLinear | DelayedConv2d):
            self._delayed(step, module, x)
        else:
            raise Refusal("it has no step program; use a neuron that has one, as snn.program(neuron) shows")

    def _neuron(self, step: Step, module: Any, x: View) -> None:
        shape = torch.Size((1, *x.shape))
        whole = module.state_shape(torch.empty(shape))
        # weights, unlike the other constants, do not broadcast to the states
        weighted = whole != shape or not all(_broadcasts(c.shape, whole) for c in constants_of(module).values())
        known = _program(module, len(shape), x.shape, weighted)
        shape = tuple(whole[1:])
        size = math.prod(shape)
        members = {n: Field(self.names.new(step.path, n), "float", size, n) for n in module.State._fields}
        sent, *names = module.output_names
        number, *places = step.places
        outputs = dict(zip(names, places, strict=True))
        y = self._new(number, spikes=sent == "spk")
        for name, number in outputs.items():
            state = Buffer(size, place=f"state->{members[name].name}", meaning=name)
            self._views[number] = View(state, shape)
        kind = type_before_parametrizations(module).__name__
        self.nodes.append(Neuron(step.path, kind, [x], y, module, known, members, shape))

    def _delayed(self, step: Step, module: Any, x: View) -> None:
        if module.training:
            raise Refusal("it is in training mode, in which delays are spread over steps; call net.eval()")
        y = self._new(step.places[0])
        delay = module.delay.detach().clamp(0, module.max_delay).round()
        of_layer = step.path, step.kind, [x], y, module.weight, module.bias
        if isinstance(module, DelayedLinear):
            if len(x.shape) != 1:
                raise Refusal(f"its input is {x.shape}; it takes [batch, features]")
            product: Any = Linear(*of_layer)
        else:
            options = module.stride, module.padding, module.dilation
            axes = axes_of(x, y, module.weight.shape[2:], *options)
            product = Convolution(*of_layer, axes=axes, groups=module.groups)
        self.nodes.append(Delayed(step.path, step.kind, [x], y, product, delay, module.max_delay))

    def _function(self, step: Step, module: nn.Module) -> None:
        func = getattr(step.compute, "func", None)
        name = name_of(func) if func is not None else "contiguous" if type(module) is nn.Identity else ""
        name = _OPERATORS.get(name, name.strip("_") if name.startswith("__") else name)
        name = name[1:] if name.startswith("r") and name[1:] in ("add", "mul") else name
        if not step.args and name in (_SAME | {*_RULES}):
            raise Refusal(f"'{name}' has no argument 'input'")
        if name in _SAME:
            self._same(step)
        elif name in _RULES:
            _RULES[name](self, step, name)
        elif name in _FUNCTIONS:
            self._elementwise(step, name)
        else:
            raise Refusal(f"'{name or step.kind}' is not a function that can be written in C")

    def _same(self, step: Step) -> None:
        before, after = step.args[0].number, step.places[0]
        x, shape = self._views[before], self._shape(after)
        kinds = [self.calls.values[number].dtype for number in (before, after)]
        if kinds == [torch.float32, torch.bool]:
            truth = Program(("a",), (Instruction("ne", (Register(0), 0.0)),), {"y": Register(1)})
            self._compute(step, truth, {"a": x})
        else:
            self._views[after] = View(x.buffer, shape)

    def _compute(self, step: Step, computation: Program, values: Mapping[str, View | Tensor]) -> None:
        xs = [value for value in values.values() if isinstance(value, View)]
        self.nodes.append(Elementwise(step.path, step.kind, xs, self._new(step.places[0]), computation, values))

    def _elementwise(self, step: Step, name: str) -> None:
        values: dict[str, View | Tensor] = {}

        def operand(value: Any) -> Any:
            if not isinstance(value, Place | Named | Held):
                return value
            named = "abcdefgh"[len(values)]
            if isinstance(value, Place) and value.number in self._views:
                if self.calls.values[value.number].dtype == torch.bool and name not in _OF_CONDITIONS:
                    raise Refusal("it computes with a condition; turn it into numbers with .float()")
                values[named] = self._views[value.number]
            else:
                values[named] = self.calls.constant(value)
            return Register(len(values) - 1)

        positional, options = operands(step, name)
        args = [operand(v) for v in positional]
        instructions: list[Instruction] = []

        def emit(kind: str, *operands: Any) -> Register:
            numbers = tuple(float(o) if isinstance(o, int | float) else o for o in operands)
            instructions.append(Instruction(kind, numbers))
            return Register(len(values) + len(instructions) - 1)

        if name == "relu6":
            name, args = "hardtanh", [args[0], 0.0, 6.0]
        if name == "rdiv":  # like PyTorch
            name, args = "mul", [emit("reciprocal", args[0]), args[1]]
        out = lowered(name, tuple(args), options, emit)
        if out is None:
            raise Refusal(f"'{name}' with these options is not a function that can be written in C")
        self._compute(step, Program(tuple(values), tuple(instructions), {"y": out}), values)

    def linear(self, step: Step, name: str) -> None:
        """Lower a linear layer."""
        x = self._views[step.args[0].number]
        weight, bias = self._weights(step)
        self.nodes.append(Linear(step.path, step.kind, [x], self._new(step.places[0]), weight, bias))

    def convolution(self, step: Step, name: str) -> None:
        """Lower a convolution."""
        x, y = self._views[step.args[0].number], self._new(step.places[0])
        weight, bias = self._weights(step)
        stride, padding = argument(step, 3, "stride", 1), argument(step, 4, "padding", 0)
        dilation, groups = argument(step, 5, "dilation", 1), argument(step, 6, "groups", 1)
        axes = axes_of(x, y, weight.shape[2:], stride, padding, dilation)
        self.nodes.append(Convolution(step.path, step.kind, [x], y, weight, bias, axes=axes, groups=groups))

    def batch_norm(self, step: Step, name: str) -> None:
        """Fold a batch normalization into the layer before it, or scale and shift by it."""
        number = step.args[0].number
        x = self._views[number]
        mean = self.calls.constant(argument(step, 1, "running_mean")).double()
        variance = self.calls.constant(argument(step, 2, "running_var")).double()
        weight, bias = argument(step, 3, "weight"), argument(step, 4, "bias")
        scale = (variance + argument(step, 7, "eps", 1e-5)).rsqrt()
        scale = scale if weight is None else scale * self.calls.constant(weight).double()
        shift = -mean * scale
        shift = shift if bias is None else shift + self.calls.constant(bias).double()
        before = next((node for node in self.nodes if node.writes is x.buffer), None)
        by_output = isinstance(before, Convolution) or (isinstance(before, Linear) and len(x.shape) == 1)
        if isinstance(before, Product) and by_output and before.y is x and self.calls.readers(number) == 1:
            before.kind = f"{before.kind} and {step.kind}"
            bias = 0 if before.bias is None else before.bias.double() * scale
            before.weight = (before.weight.double() * scale.reshape(-1, *[1] * (before.weight.dim() - 1))).float()
            before.bias = (shift + bias).float()
            self._views[step.places[0]] = x
            return
        mul, add = Instruction("mul", (Register(0), Register(1))), Instruction("add", (Register(3), Register(2)))
        ones = [1] * (len(x.shape) - 1)
        constants = {"scale": scale.float().reshape(-1, *ones), "shift": shift.float().reshape(-1, *ones)}
        made = Program(("a", "scale", "shift"), (mul, add), {"y": Register(4)})
        self._compute(step, made, {"a": x, **constants})

    def pool(self, step: Step, name: str) -> None:
        """Lower a pooling layer."""
        x = self._views[step.args[0].number]
        largest = "max" in name
        y = self._new(step.places[0], spikes=largest and x.buffer.spikes)
        if name.startswith("adaptive"):
            kernel = axes_of(x, y, 0, 1, 0, 1)
            if len(x.shape) == 2:
                kernel = kernel[0]._replace(taps=0), kernel[1]
            self.nodes.append(Pool(step.path, step.kind, [x], y, kernel, largest))
            return
        if largest and argument(step, 6, "return_indices", False):
            raise Refusal("return_indices is True; a pooling layer in C returns only the values")
        taps, padding = argument(step, 1, "kernel_size"), argument(step, 3, "padding", 0)
        dilation = argument(step, 4, "dilation", 1) if largest else 1
        kernel = axes_of(x, y, taps, argument(step, 2, "stride") or taps, padding, dilation)
        padded = largest or argument(step, 5, "count_include_pad", True)
        divisor = None if largest else argument(step, 6, "divisor_override")
        self.nodes.append(Pool(step.path, step.kind, [x], y, kernel, largest, padded, divisor))

    def concatenation(self, step: Step, name: str) -> None:
        """Lower a concatenation."""
        parts = [self._views[place.number] for place in argument(step, 0, "tensors")]
        number = step.places[0]
        axis = argument(step, 1, "dim", 0) % self.calls.values[number].dim() - 1
        y = self._new(number, spikes=all(part.buffer.spikes for part in parts))
        self.nodes.append(Concatenation(step.path, step.kind, parts, y, axis))

    def reduction(self, step: Step, name: str) -> None:
        """Lower a sum, mean or maximum over the last axes."""
        x, dims = self._views[step.args[0].number], argument(step, 1, "dim")
        axes = len(x.shape) + 1
        if dims is None:
            raise Refusal("it reduces all axes; in C only the last axes can be reduced")
        dims = sorted(d % axes for d in (dims if isinstance(dims, tuple | list) else (dims,)))
        if dims != [*range(axes - len(dims), axes)]:
            raise Refusal(f"it reduces the axes {dims}; in C only the last axes can be reduced")
        self.nodes.append(Reduction(step.path, name, [x], self._new(step.places[0])))

    def _weights(self, step: Step) -> tuple[Tensor, Tensor | None]:
        weight, bias = argument(step, 1, "weight"), argument(step, 2, "bias")
        if isinstance(weight, Place) and weight.number in self._views:
            raise Refusal("its weights are computed in every step")
        return self.calls.constant(weight), None if bias is None else self.calls.constant(bias)


_RULES: dict[str, Callable[[Lowering, Step, str], None]] = {
    "linear": Lowering.linear,
    "batch_norm": Lowering.batch_norm,
    **dict.fromkeys(("conv1d", "conv2d"), Lowering.convolution),
    **dict.fromkeys(("cat", "concat"), Lowering.concatenation),
    **dict.fromkeys(("sum", "mean", "amax"), Lowering.reduction),
    **{f"{kind}_pool{n}d": Lowering.pool for kind in ("max", "avg", "adaptive_max", "adaptive_avg") for n in (1, 2)},
}


def _broadcasts(shape: torch.Size, to: torch.Size) -> bool:
    return len(shape) <= len(to) and all(n in (1, m) for n, m in zip(shape[::-1], to[::-1], strict=False))


def _program(module: Any, axes: int, sample: tuple[int, ...], weighted: bool) -> StepProgram:
    """Return the program of a neuron, for samples of one shape if it has weights."""
    why = ""
    for shape in [sample] if weighted else [None, sample]:
        try:
            return program(module, axes, sample=shape)
        except ValueError as error:
            why = str(error)
    raise Refusal(why)
