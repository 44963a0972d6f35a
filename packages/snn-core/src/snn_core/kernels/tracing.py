"""From a neuron's own Python to its step program: the operations of one small step, and of its backward step."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from snn_core.kernels.instructions import Operand, lowered
from snn_core.kernels.program import Instruction, Program, Register, StepProgram, broadcast_shape

_VIEWS = {"detach", "alias", "view", "_unsafe_view", "expand", "clone", "squeeze", "unsqueeze", "lift_fresh"}
# of axes along which no constant differs: no two are alike by chance, and all are others the second time
_LENGTHS = (3, 5, 7, 9, 11, 13, 15, 17, 19, 21), (4, 6, 8, 10, 12, 14, 16, 18, 20, 22)


class NoProgram(Exception):
    """Why a neuron has no step program."""


def traced(neuron: Any, axes: int, dtype: torch.dtype) -> StepProgram:
    """Return the step program of a neuron with the options that it has.

    Its ``advance`` runs a few times on small random numbers.

    Args:
        neuron: A :class:`~snn_core.SpikingNeuron`.
        axes: Number of axes of one step's input, the batch among them.
        dtype: Of its input and state.

    Raises:
        NoProgram: If a step is not made of the operations that programs have, or depends on the values it sees.

    Example:
        >>> import snn_core as snn
        >>> traced(snn.Leaky(beta=0.9, reset_mechanism="none"), 2, torch.float32).forward.instructions[0]
        Instruction(name='mul', operands=(Register(number=3), Register(number=1)))
    """
    first, second = _LENGTHS
    program = _recorded(neuron, axes, dtype, first, 1.0)
    if any(_recorded(neuron, axes, dtype, lengths, -3.0) != program for lengths in (first, second)):
        raise NoProgram("what a step computes depends on the values or the size of its input")
    return program


def constants_of(neuron: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a neuron that its equation may read as constants, by path."""
    return {n: t for n, t in (*neuron.named_parameters(), *neuron.named_buffers()) if t.is_floating_point()}


def with_constants(neuron: Any, constants: Mapping[str, Tensor]) -> Any:
    """Return a twin of a neuron that shares everything with it but some constants.

    Args:
        neuron: A module.
        constants: By path, what takes the place of a parameter or buffer.

    Example:
        >>> import snn_core as snn
        >>> lif = snn.Leaky(beta=0.9)
        >>> with_constants(lif, {"beta": torch.tensor(0.5)}).beta, lif.beta
        (tensor(0.5000), tensor(0.9000))
    """
    twin = object.__new__(type(neuron))
    vars(twin).update(vars(neuron))
    own = {path: value for path, value in constants.items() if "." not in path}
    for kind in ("_parameters", "_buffers"):
        vars(twin)[kind] = {name: own.get(name, value) for name, value in vars(neuron)[kind].items()}
    vars(twin)["_modules"] = {
        name: part and with_constants(part, _below(name, constants)) for name, part in neuron._modules.items()
    }
    return twin


def _below(name: str, constants: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {path[len(name) + 1 :]: value for path, value in constants.items() if path.startswith(name + ".")}


def _recorded(neuron: Any, axes: int, dtype: torch.dtype, lengths: tuple[int, ...], scale: float) -> StepProgram:
    constants = {n: t.detach().clone().requires_grad_(t.requires_grad) for n, t in constants_of(neuron).items()}
    shape = _shape(lengths, axes, [tensor.shape for tensor in constants.values()])
    generator = torch.Generator().manual_seed(0)

    def random() -> Tensor:
        return (scale * torch.randn(shape, generator=generator, dtype=dtype)).requires_grad_()

    fields = neuron.State._fields
    if "x" in (*constants, *fields):
        raise NoProgram("a constant or a state has the name 'x', which is the input's")
    x, state = random(), neuron.State._make([random() for _ in fields])
    upstream = [random().detach() for _ in ("emitted", *fields)]
    record = _Recording(shape, [tensor.shape for tensor in constants.values()])
    for name, tensor in {"x": x, **state._asdict()}.items():
        record.input(name, tensor, Kind.STEP)
    for name, tensor in constants.items():
        record.input(name, tensor, Kind.CONSTANT)
    with torch.enable_grad(), record:
        emitted, after, _ = with_constants(neuron, constants).advance(x, state, None)
    outputs = {"emitted": emitted, **after._asdict()}
    forward = {name: record.operand(tensor) for name, tensor in outputs.items()}
    for name, gradient in zip(outputs, upstream, strict=True):
        record.input(f"d {name}", gradient, Kind.STEP)
    learned = {name: tensor for name, tensor in constants.items() if tensor.requires_grad}
    ends = [(end, g) for end, g in zip(outputs.values(), upstream, strict=True) if end.requires_grad]
    wanted = [x, *state, *learned.values()]
    gradients: list[Tensor | None] = [None] * len(wanted)
    if ends:
        with torch.enable_grad(), record:
            # of a number, as torch imports SymPy when it is given gradients to start from
            total = functools.reduce(torch.add, [(end * g).sum() for end, g in ends])
            gradients = list(torch.autograd.grad(total, wanted, allow_unused=True))
    operands = [0.0 if g is None else record.operand(g) for g in gradients]
    steps, last = operands[: 1 + len(fields)], operands[1 + len(fields) :]
    return record.split(
        forward,
        dict(zip((f"d {name}" for name in ("x", *fields)), steps, strict=True)),
        dict(zip((f"d {name}" for name in learned), last, strict=True)),
    )


def _shape(lengths: tuple[int, ...], axes: int, shapes: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """Return a shape of one step's input, no two axes of which are alike by chance."""
    try:
        least = broadcast_shape([(1,) * axes, *shapes])
    except RuntimeError:
        raise NoProgram("its constants do not broadcast to one shape, as the weights of a product") from None
    free = iter([length for length in lengths if length not in least])
    if len(least) > axes or least.count(1) > len(lengths) - axes:
        raise NoProgram("a constant has more axes than the input, or the input too many")
    return tuple(next(free) if length == 1 else length for length in least)


class Kind(IntEnum):
    """The number of times that a register is computed; one computed from several is of the largest kind."""

    CONSTANT = 0  # once, before the first step
    STEP = 1  # in every step
    LAST = 2  # once, after the last step, from sums over columns


class Sum(Register):
    """A register of which the sum over columns is meant: the gradient of a constant, on its way to it."""


class _Recording(TorchDispatchMode):
    """Records element-wise operations on tensors of known registers.

    Args:
        shape: That of one step's input.
        shapes: Those of constants.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # as the first use would import the compiler, which takes a second

    def __init__(self, shape: tuple[int, ...], shapes: Iterable[tuple[int, ...]]) -> None:
        super().__init__()
        self._entries: list[str | Instruction] = []  # the name of an input, or what computes a register
        self._kinds: list[Kind] = []
        self._shape = shape
        self._shapes = {(), *map(_without_leading_ones, shapes)}
        self._operands: dict[int, Operand] = {}  # of tensors, by identity
        self._held: list[Tensor] = []  # so that no other tensor has the identity of one that is known
        self._known: dict[Instruction, Register] = {}
        self._inputs: set[int] = set()  # by identity, as no input may be changed in place
        self._shared: set[int] = set()  # where tensors lie that are seen by several names

    def input(self, name: str, tensor: Tensor, kind: Kind) -> None:
        """Name a tensor that a program is given."""
        self._inputs.add(id(tensor))
        self._hold(tensor, self._add(name, kind))

    def operand(self, tensor: Tensor) -> Operand:
        """Return the register or number of a tensor that was named or computed."""
        if id(tensor) not in self._operands:
            raise NoProgram("a step returns a tensor that it does not compute")
        return self._operands[id(tensor)]

    def emit(self, name: str, *operands: Operand) -> Operand:
        """Add an instruction, unless its result is known already."""
        if not all(isinstance(operand, Register | float) for operand in operands):
            raise NoProgram(f"'{name}' is called with {operands}, which programs do not know")
        if name == "mul" and 1.0 in operands:
            return operands[operands[0] == 1.0]
        if any(isinstance(operand, Sum) for operand in operands):
            if name in ("add", "sub", "neg") and all(isinstance(operand, Sum) for operand in operands):
                return Sum(*self.emit(name, *(Register(*operand) for operand in operands)))
            operands = tuple(self._summed(o) if isinstance(o, Sum) else o for o in operands)
        kind = max(map(self._kind, operands), default=Kind.CONSTANT)
        if kind is Kind.LAST and any(self._kind(operand) is Kind.STEP for operand in operands):
            raise NoProgram("a sum over the batch or over neurons takes part in a step")
        return self._instruction(Instruction(name, operands), kind)

    def _summed(self, columns: Operand) -> Register:
        return self._instruction(Instruction("sum", (Register(*columns),)), Kind.LAST)

    def _instruction(self, instruction: Instruction, kind: Kind) -> Register:
        if instruction not in self._known:
            self._known[instruction] = self._add(instruction, kind)
        return self._known[instruction]

    def _add(self, entry: str | Instruction, kind: Kind) -> Register:
        self._entries.append(entry)
        self._kinds.append(kind)
        return Register(len(self._entries) - 1)

    def _kind(self, operand: Operand) -> Kind:
        return self._kinds[operand.number] if isinstance(operand, Register) else Kind.CONSTANT

    def _hold(self, tensor: Tensor, operand: Operand) -> None:
        self._operands[id(tensor)] = operand
        self._held.append(tensor)

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        out = func(*args, **(kwargs or {}))
        if not isinstance(out, Tensor):
            raise NoProgram(f"'{name}' reads a value or gives several tensors")
        if any(out is arg for arg in args):
            if id(out) in self._inputs or out.untyped_storage().data_ptr() in self._shared:
                raise NoProgram(f"'{name}' changes in place what is read elsewhere too")
            name = name.removesuffix("_")
        elif name in _VIEWS:
            self._shared.add(out.untyped_storage().data_ptr())
        self._hold(out, self._recorded(name, args, kwargs or {}, out))
        return out

    def _recorded(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], out: Tensor) -> Operand:
        if name == "lift_fresh" and id(args[0]) not in self._operands:
            return self._number(args[0])
        operands = [self._encoded(arg) for arg in args]
        summed = any(isinstance(operand, Sum) for operand in operands)
        if out.shape != self._shape and _without_leading_ones(out.shape) not in self._shapes and not summed:
            raise NoProgram(f"'{name}' gives a tensor of another shape than the input's")
        if name in _VIEWS:
            moved = _without_leading_ones(out.shape) != _without_leading_ones(args[0].shape)
            if moved and not summed and out.shape != self._shape:
                raise NoProgram(f"'{name}' moves a constant to another axis")
            return operands[0]
        if name == "sum":
            return Sum(*operands[0]) if self._kind(operands[0]) is Kind.STEP else operands[0]
        if name == "_to_copy":
            return self._cast(operands[0], args[0].dtype, out.dtype)
        operand = lowered(name, tuple(operands), kwargs, self.emit)
        if operand is None:
            raise NoProgram(f"'{name}' is not an operation that programs have")
        if isinstance(operand, Register) and self._is_of_numbers(operand):
            return self._number(out)
        return operand

    def _is_of_numbers(self, register: Register) -> bool:
        entry = self._entries[register.number]
        return isinstance(entry, Instruction) and not any(isinstance(o, Register) for o in entry.operands)

    def _number(self, tensor: Tensor) -> float:
        values = tensor.detach().unique()
        if values.numel() != 1:
            raise NoProgram("a step makes a tensor of several numbers; register it as a buffer of the neuron")
        return float(values)

    def _cast(self, operand: Operand, before: torch.dtype, after: torch.dtype) -> Operand:
        if before == after or isinstance(operand, Sum) or self._kind(operand) is Kind.LAST:
            return operand  # the gradient of a constant is given the dtype of the constant at the end
        if before == torch.bool and after.is_floating_point:
            return self.emit("number", operand)
        raise NoProgram(f"a step computes in {str(before).removeprefix('torch.')} as well")

    def _encoded(self, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if not isinstance(value, Tensor):
            return value
        if id(value) not in self._operands:
            raise NoProgram("a step reads a tensor that is not a constant of the neuron; register it as a buffer")
        return self._operands[id(value)]

    def split(
        self, forward: Mapping[str, Operand], backward: Mapping[str, Operand], last: Mapping[str, Operand]
    ) -> StepProgram:
        """Return what was recorded, by how often it is computed.

        Args:
            forward: The outputs of a step, by name.
            backward: The gradients of what goes into it.
            last: Those of constants.
        """
        if any(self._kind(o) is Kind.LAST or isinstance(o, Sum) for o in (*forward.values(), *backward.values())):
            raise NoProgram("a sum over the batch or over neurons takes part in a step")
        ends = {n: self._summed(o) if self._kind(o) is Kind.STEP else o for n, o in last.items()}
        needed = self._needed(ends.values())
        summed = [
            entry.operands[0]
            for index, entry in enumerate(self._entries)
            if Register(index) in needed and isinstance(entry, Instruction) and entry.name == "sum"
        ]
        sums = {columns: f"sum {index}" for index, columns in enumerate(summed)}
        backward = {**backward, **{name: columns for columns, name in sums.items()}}
        in_steps = self._needed((*forward.values(), *backward.values()))
        coefficients: dict[Operand, str] = {}
        for operand in sorted(self._read(in_steps, (*forward.values(), *backward.values()))):
            entry = self._entries[operand.number]
            coefficients[operand] = entry if isinstance(entry, str) else f"k{len(coefficients)}"
        once = self._program({name: operand for operand, name in coefficients.items()}, {})
        step = self._program(forward, coefficients)
        back = self._program(backward, coefficients)
        totals = {self._known[Instruction("sum", (columns,))]: name for columns, name in sums.items()}
        return StepProgram(once, step, back, self._program(ends, totals))

    def _needed(self, ends: Iterable[Operand], given: Iterable[Operand] = ()) -> set[Register]:
        """Return the registers that some outputs need, down to what is given."""
        needed: set[Register] = set()
        waiting = [operand for operand in ends if isinstance(operand, Register)]
        while waiting:
            register = waiting.pop()
            if register in needed:
                continue
            needed.add(register)
            entry = self._entries[register.number]
            if isinstance(entry, Instruction) and register not in given:
                waiting += [operand for operand in entry.operands if isinstance(operand, Register)]
        return needed

    def _read(self, in_steps: set[Register], ends: Iterable[Operand]) -> set[Operand]:
        """Return the constant registers that an instruction of a step reads, or that an output is."""
        read = {operand for operand in ends if isinstance(operand, Register)}
        for register in in_steps:
            entry = self._entries[register.number]
            if isinstance(entry, Instruction) and self._kind(register) is Kind.STEP:
                read.update(operand for operand in entry.operands if isinstance(operand, Register))
        return {register for register in read if self._kind(register) is Kind.CONSTANT}

    def _program(self, outputs: Mapping[str, Operand], given: Mapping[Operand, str]) -> Program:
        """Return the program of some outputs, from inputs and from registers that are given by name."""
        order = sorted(self._needed(outputs.values(), given), key=lambda r: (not self._is_input(r, given), r.number))
        new = {register: Register(index) for index, register in enumerate(order)}
        inputs, instructions = [], []
        for register in order:
            entry = self._entries[register.number]
            if register in given:
                inputs.append(given[register])
            elif isinstance(entry, str):
                inputs.append(entry)
            else:
                instructions.append(Instruction(entry.name, tuple(new.get(o, o) for o in entry.operands)))
        return Program(tuple(inputs), tuple(instructions), {name: new.get(o, o) for name, o in outputs.items()})

    def _is_input(self, register: Register, given: Mapping[Operand, str]) -> bool:
        return register in given or isinstance(self._entries[register.number], str)


def _without_leading_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    first = next((axis for axis, length in enumerate(shape) if length != 1), len(shape))
    return tuple(shape[first:])
