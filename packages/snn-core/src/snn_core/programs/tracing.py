"""Tracing of a neuron's own code into its step program: the operations of one small step, and of its backward step."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from snn_core.effects.reads import READS, name_of
from snn_core.programs.connections import Connection
from snn_core.programs.program import StepProgram, broadcast_shape
from snn_core.programs.recording import Recording
from snn_core.programs.registers import Kind, NoProgram

# lengths of axes along which no constant differs: no two are equal by chance, and all differ the second time
_LENGTHS = (3, 5, 7, 9, 11, 13, 15, 17, 19, 21), (4, 6, 8, 10, 12, 14, 16, 18, 20, 22)
_SCALES = 1.0, -3.0  # of the numbers, which differ the second time


@dataclass(frozen=True)
class Equation:
    """One step of a neuron, as a pure function of tensors.

    Args:
        step: Function ``(x, state, constants)`` that returns the spikes, before their graded factor, and the state.
        constants: The tensors that it may read, by path.
        state: The class of the states, a ``NamedTuple``.
        state_shape: Function that returns the shape of every state, given one step's input.
        name: Name of the neuron, for messages.
    """

    step: Callable[[Tensor, Any, Mapping[str, Tensor]], tuple[Tensor, Any]]
    constants: Mapping[str, Tensor]
    state: Any
    state_shape: Callable[[Tensor], torch.Size]
    name: str


def traced(equation: Equation, axes: int, dtype: torch.dtype, sample: tuple[int, ...] | None = None) -> StepProgram:
    """Return the step program of an equation.

    Its step runs twice on random numbers, with other values and sizes the second time.

    Args:
        equation: The equation.
        axes: Number of axes of one step's input, including the batch.
        dtype: Dtype of its input and state.
        sample: Shape of one sample's input, which a neuron with weights needs.

    Raises:
        NoProgram: If a step is not made of the operations that programs support, or depends on the values it sees.

    Example:
        >>> from typing import NamedTuple
        >>> class State(NamedTuple):
        ...     mem: Tensor
        >>> def halve(x, state, constants):
        ...     return x, State(state.mem / constants["tau"] + x)
        >>> equation = Equation(halve, {"tau": torch.tensor(2.0)}, State, lambda x: x.shape, "Halving")
        >>> print(traced(equation, 2, torch.float32).forward)
          v0 = mem / tau
          v1 = v0 + x
          emitted = x
          mem = v1
    """
    recorded = functools.partial(_recorded, equation, axes, dtype, sample)
    program, other = map(recorded, _LENGTHS, _SCALES)
    if other != program:
        raise NoProgram("what a step computes depends on the values or the size of its input")
    return replace(program, neuron=equation.name)


def _recorded(
    equation: Equation,
    axes: int,
    dtype: torch.dtype,
    sample: tuple[int, ...] | None,
    lengths: tuple[int, ...],
    scale: float,
) -> StepProgram:
    constants = {name: _on_cpu(tensor) for name, tensor in equation.constants.items()}
    shapes = [tensor.shape for tensor in constants.values()]
    of_input, shape = _shapes(equation, axes, dtype, sample, lengths)
    generator = torch.Generator().manual_seed(0)

    def random(shape: tuple[int, ...] = shape) -> Tensor:
        return (scale * torch.randn(shape, generator=generator, dtype=dtype)).requires_grad_()

    fields = equation.state._fields
    if "x" in (*constants, *fields):
        raise NoProgram("a constant or a state has the name 'x', which belongs to the input")
    x, state = random(of_input), equation.state._make([random() for _ in fields])
    upstream = [random().detach() for _ in ("emitted", *fields)]
    record = Recording(shape, shapes)
    for name, tensor in {"x": x, **state._asdict()}.items():
        record.input(name, tensor, Kind.STEP)
    for name, tensor in constants.items():
        record.input(name, tensor, Kind.CONSTANT)
    connections = _Connections(record, constants)
    with torch.enable_grad(), record, connections:
        emitted, after = equation.step(x, state, constants)
    outputs = {"emitted": emitted, **after._asdict()}
    forward = {name: record.operand(tensor) for name, tensor in outputs.items()}
    for name, gradient in zip(outputs, upstream, strict=True):
        record.input(f"d {name}", gradient, Kind.STEP)
    learned = {name: tensor for name, tensor in constants.items() if tensor.requires_grad}
    ends = [(end, g) for end, g in zip(outputs.values(), upstream, strict=True) if end.requires_grad]
    parts = connections.parts
    leaves = [x, *state, *parts.values(), *learned.values()]
    gradients: list[Tensor | None] = [None] * len(leaves)
    if ends:
        with torch.enable_grad(), record:
            # differentiate a single number, as torch imports SymPy if it is passed gradients to start from
            total = functools.reduce(torch.add, [(end * g).sum() for end, g in ends])
            gradients = list(torch.autograd.grad(total, leaves, allow_unused=True))
    operands = [0.0 if g is None else record.operand(g) for g in gradients]
    names = "x", *fields, *parts
    steps, last = operands[: len(names)], operands[len(names) :]
    program = record.split(
        forward | dict.fromkeys(parts, 0.0),
        dict(zip((f"d {name}" for name in names), steps, strict=True)),
        {f"d {name}": o for name, o, g in zip(learned, last, gradients[len(names) :], strict=True) if g is not None},
        connections.all,
    )
    leads = connections.all[0].inputs[0] if program.renames_input else "x"
    named = ("x" if name == leads else name for name in (*names, *learned))
    expected = outputs | {f"d {n}": g for n, g in zip(named, gradients, strict=True) if g is not None}
    values = {"x": x, **state._asdict(), **{f"d {name}": g for name, g in zip(outputs, upstream, strict=True)}}
    if not _computes(program, values, constants, expected):
        raise NoProgram("the program made of its operations gives different numbers")
    return program


def _on_cpu(tensor: Tensor) -> Tensor:
    """Return a constant where the recorded input is; ones for one that has no values, as in a program being traced."""
    has_values = type(tensor) in (Tensor, nn.Parameter, nn.Buffer) and tensor.device.type != "meta"
    values = tensor.detach() if has_values else torch.ones(tensor.shape, dtype=tensor.dtype)
    return values.to("cpu", copy=True).requires_grad_(tensor.requires_grad)


def at_rest(equation: Equation, axes: int, dtype: torch.dtype, sample: tuple[int, ...] | None) -> tuple[Tensor, Any]:
    """Return a small input and state of zeros for one step; the arguments are those of :func:`traced`."""
    of_input, shape = _shapes(equation, axes, dtype, sample, _LENGTHS[0])
    zeros = [torch.zeros(shape, dtype=dtype) for _ in equation.state._fields]
    return torch.zeros(of_input, dtype=dtype), equation.state._make(zeros)


def _shapes(
    equation: Equation, axes: int, dtype: torch.dtype, sample: tuple[int, ...] | None, lengths: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shapes of the input and of a state that are recorded."""
    shapes = [tuple(tensor.shape) for tensor in equation.constants.values()]
    if sample is None:
        shape = _shape(lengths, axes, shapes)
        return shape, shape
    taken = {*sample, *(length for shape in shapes for length in shape)}
    by_sample = [c.shape[0] for name, c in equation.constants.items() if "." not in name and c.dim() > len(sample)]
    batches = [length for length in by_sample if length not in (1, *sample)]
    of_input = (*batches, *(length for length in lengths if length not in taken))[0], *sample
    return of_input, equation.state_shape(torch.empty(of_input, dtype=dtype))


def _computes(
    program: StepProgram, values: Mapping[str, Tensor], constants: Mapping[str, Tensor], expected: Mapping[str, Tensor]
) -> bool:
    """Return True if a program gives the outputs and gradients of the step that was recorded, up to rounding.

    Args:
        program: The program.
        values: The step's input, its states, and the gradients of its outputs, by name.
        constants: The neuron's constants, by path.
        expected: The step's outputs and gradients; those of merged connections are not compared.
    """
    shape, dtype = values["d emitted"].shape, values["x"].dtype
    with torch.no_grad():
        values = {**values, **program.step_inputs(values["x"], values, constants), **program.once.run(constants)}
        computed = program.forward.run(values) | program.backward.run(values)
        sizes = program.shape_of_sums(constants)
        sums = {n: torch.as_tensor(computed[n], dtype=dtype).expand(shape).sum_to_size(sizes) for n in program.sums}
        computed |= dict(zip((f"d {name}" for name in constants), program.gradients(constants, sums), strict=True))
        off = torch.finfo(dtype).eps ** 0.5
        return all(
            torch.allclose(torch.as_tensor(computed[n], dtype=t.dtype).expand_as(t), t, off, off, equal_nan=True)
            for n, t in expected.items()
            if computed.get(n) is not None
        )


def _shape(lengths: tuple[int, ...], axes: int, shapes: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Return a shape of one step's input in which no two axes are equal by chance."""
    try:
        least = broadcast_shape([(1,) * axes, *shapes])
    except RuntimeError:
        raise NoProgram(
            "its constants do not broadcast to one shape; a neuron with weights needs the shape of a sample"
        ) from None
    free = iter([length for length in lengths if length not in least])
    if len(least) > axes or least.count(1) > len(lengths) - axes:
        raise NoProgram("a constant has more axes than the input, or the input has too many")
    return tuple(next(free) if length == 1 else length for length in least)


class _Connections(TorchFunctionMode):
    """A mode that turns the outputs of connections into inputs of the step, and refuses calls that read values."""

    def __init__(self, record: Recording, constants: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._record = record
        self._paths = {id(tensor): path for path, tensor in constants.items()}
        self._names = (f"c{k}" for k in itertools.count() if f"c{k}" not in constants)
        self.all: list[Connection] = []
        self.parts: dict[str, Tensor] = {}

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        if name_of(func) in READS:  # some of these call no operation, so the recording does not see them
            raise NoProgram(f"'{name_of(func)}' reads a value")
        out = functools.partial(func, *args, **(kwargs or {}))
        return self._connected(out, *args, **(kwargs or {})) if func is F.linear else out()

    def _connected(
        self, call: Callable[[], Tensor], input: Tensor, weight: Tensor, bias: Tensor | None = None
    ) -> Tensor:
        sources, paths = self._record.sources(input), [self._path(t) for t in (weight, bias) if t is not None]
        if {*sources} & {*self.parts}:
            raise NoProgram("a linear layer follows another")
        self._record.off = True
        with torch.no_grad():
            out, (*batch, features) = call(), self._record.shape
            count = max(out.shape[-1] // features, 1)
            if [*out.shape] != [*batch, count * features]:
                raise NoProgram("a linear layer does not return as many features as the state has")
            leaves = [part.clone().requires_grad_() for part in out.chunk(count, -1)]
        self._record.off = False
        name = next(self._names)
        names = [name] if count == 1 else [f"{name}.{k}" for k in range(count)]
        for name, leaf in zip(names, leaves, strict=True):
            self._record.input(name, leaf, Kind.STEP)
        self.parts |= dict(zip(names, leaves, strict=True))
        self.all.append(Connection(sources, tuple(names), *paths))
        return torch.cat(leaves, -1) if count > 1 else leaves[0]

    def _path(self, tensor: Tensor) -> str:
        if id(tensor) not in self._paths:
            raise NoProgram("a linear layer has weights that are computed, or that are not the neuron's own")
        return self._paths[id(tensor)]
