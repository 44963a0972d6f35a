"""The source of the kernels of a step program: one forward and one backward, each over all steps of some columns."""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from snn_core.programs import Program, StepProgram, walk, without
from snn_triton.expressions import Lines, Unknown

__all__ = ["Backward", "Forward", "Source", "backward_source", "forward_source"]

_AHEAD = 4  # steps whose loads are in flight at a time
_MOST = 400  # instructions of a step, far more than any known neuron has
# names that the source uses for its own values, as single words and as patterns
_TAKEN = frozenset(
    "tl libdevice column columns there steps step every row begins end last segment segments behind length place kept "
    "scratch BLOCK range min float".split()
)
_OURS = re.compile(r"\d.*|[vc]\d+|(sum|part|next|carried|g|in)_.*|.*_(in|out|row|first|grad|stride)")


class Forward(NamedTuple):
    """The use of a forward kernel.

    Args:
        dtype: Dtype of the computation: ``"float32"`` or ``"float64"``.
        scalar: For each coefficient, True if it is one number, False if it is one per column.
        trace: True if every step's states are returned, False if the last ones.
        save: True if it saves what a backward kernel needs.
    """

    dtype: str
    scalar: tuple[bool, ...]
    trace: bool
    save: bool


class Backward(NamedTuple):
    """The use of a backward kernel.

    Args:
        dtype: Dtype of the computation: ``"float32"`` or ``"float64"``.
        scalar: For each coefficient, True if it is one number, False if it is one per column.
        trace: True if the gradients are of every step's states, False if of the last ones.
        spikes: True if the spikes have a gradient.
        states: For each state, True if it has one.
        need_x: True if the gradient of the input is needed.
    """

    dtype: str
    scalar: tuple[bool, ...]
    trace: bool
    spikes: bool
    states: tuple[bool, ...]
    need_x: bool


class Source(NamedTuple):
    """A kernel: the name of its function, the names of its arguments, and its text."""

    name: str
    arguments: tuple[str, ...]
    text: str


def forward_source(program: StepProgram, how: Forward) -> Source:
    """Return the kernel that runs a program through all steps.

    Args:
        program: The step program.
        how: The use of the kernel.

    Raises:
        Unknown: If kernels do not have an instruction.

    Example:
        >>> import snn_core as snn
        >>> program = snn.program(snn.Leaky(beta=0.9, reset_mechanism="none"))
        >>> print(forward_source(program, Forward("float32", (True, True), False, False)).text)
        def leaky_forward(
            x_in, spikes_out, mem_first, mem_out, threshold_in, k1_in, steps, columns, x_stride,
            BLOCK: tl.constexpr,
        ):
            c0 = tl.full([BLOCK], 0.0, tl.float32)
            column = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
            there = column < columns
            threshold = tl.broadcast_to(tl.load(threshold_in).to(tl.float32), [BLOCK])
            k1 = tl.broadcast_to(tl.load(k1_in).to(tl.float32), [BLOCK])
            mem = tl.load(mem_first + column, mask=there, other=0.0).to(tl.float32)
            x_row = x_in
            spikes_row = spikes_out
            for step in tl.range(0, steps, num_stages=4):
                x = tl.load(x_row + column, mask=there, other=0.0).to(tl.float32)
                v0 = k1 * mem
                v1 = v0 + x
                v2 = v1 - threshold
                v3 = v2 > c0
                v4 = v3.to(tl.float32)
                tl.store(spikes_row + column, v4, mask=there)
                next_mem = v1
                mem = next_mem
                x_row += x_stride
                spikes_row += columns
            tl.store(mem_out + column, mem, mask=there)
    """
    names, body = _Names(program), Lines(how.dtype)
    _begin(body, names, program, how.scalar)
    body.add(*(f"{s} = {_load(f'{s}_first + column', how.dtype)}" for s in names.states))
    traced = [f"{s}_row" for s in names.states] if how.trace else []
    body.add("x_row = x_in", "spikes_row = spikes_out", *(f"{s}_row = {s}_out" for s in names.states if how.trace))
    if how.save:
        _place_states(body, names)
        body.add("segment = kept")
    body.deeper(f"for step in tl.range(0, steps, num_stages={_AHEAD}):")
    if how.save:
        body.add("begins = (step == 0) | ((steps - 1 - step) % every == 0)")
        _store_states(body, names, "segment", "there & begins")
        body.add("segment += tl.where(begins, row, 0)")
    body.add(f"{names.x} = {_load('x_row + column', how.dtype)}")
    outputs = body.computed(program.forward, names.inputs(program))
    body.add(f"tl.store(spikes_row + column, {outputs['emitted']}, mask=there)")
    _next_states(body, names, [outputs[name] for name in program.states])
    body.add(*(f"tl.store({s}_row + column, {s}, mask=there)" for s in names.states if how.trace))
    body.add("x_row += x_stride", *(f"{row} += columns" for row in ("spikes_row", *traced)))
    body.back()
    body.add(*(f"tl.store({s}_out + column, {s}, mask=there)" for s in names.states if not how.trace))
    arguments = ["x_in", "spikes_out", *(f"{s}_{end}" for end in ("first", "out") for s in names.states)]
    arguments += [f"{k}_in" for k in names.coefficients] + ["kept"] * how.save
    arguments += ["steps", "columns", "x_stride", *("every", "row") * how.save]
    return _source(f"{names.neuron}_forward", arguments, body)


def backward_source(program: StepProgram, how: Backward) -> Source:
    """Return the kernel that runs a program back through all steps.

    The last step comes first, separately, as it may have fewer gradients than earlier steps. Each segment of these is
    computed once more, from the states that were kept at its beginning to the states before each of its steps, which
    stay in ``scratch`` until the way back through the segment has read them.

    Args:
        program: The step program.
        how: The use of the kernel.

    Raises:
        Unknown: If kernels do not have an instruction.
    """
    names, body, way = _Names(program), Lines(how.dtype), walk(program, how.spikes, how.states, how.trace)
    _begin(body, names, program, how.scalar)
    inputs = [s for s, has in zip(names.states, how.states, strict=True) if has]
    sums = [f"sum_{j}" for j in range(len(program.sums))]
    strides = {"x": "x_in"} | ({"spikes": "spikes_grad"} if how.spikes else {})
    strides |= {s: f"{s}_grad" for s in inputs if how.trace}
    _place_states(body, names)
    body.add("last = (steps - 1).to(tl.int64)", "segments = (steps - 2 + every) // every")
    body.add(*(f"{name}_row = {tensor} + last * {name}_stride" for name, tensor in strides.items()))
    body.add("segment = kept + segments.to(tl.int64) * row", *["back_row = x_grad + last * columns"] * how.need_x)
    body.add(*(f"{total} = tl.zeros([BLOCK], tl.float64)" for total in sums))

    def back(step: Program, follows: Sequence[bool], total: str, states: str) -> None:
        """Add one step back: its inputs, its computation, and its outputs."""
        _load_states(body, names, states)
        body.add(f"{names.x} = {_load('x_row + column', how.dtype)}")
        values = names.inputs(program)
        if how.spikes:
            body.add(f"g_spikes = {_load('spikes_row + column', how.dtype)}")
            values["d emitted"] = "g_spikes"
        for name, s, has, follows_on in zip(program.states, names.states, how.states, follows, strict=True):
            if has and (how.trace or step is way.last):
                upstream = _load(f"{s}_row + column" if how.trace else f"{s}_grad + column", how.dtype)
                body.add(f"g_{s} = {f'carried_{s} + ' * follows_on}{upstream}")
                values[f"d {name}"] = f"g_{s}"
            elif follows_on:
                values[f"d {name}"] = f"carried_{s}"
        outputs = body.computed(step, values)
        if how.need_x:
            body.add(f"tl.store(back_row + column, {outputs['d x']}, mask=there)", "back_row -= columns")
        # before the states' gradients change, as they may be parts of sums
        body.add(*(f"{total}_{j} += {outputs[n]}" for j, n in enumerate(program.sums) if not body.is_zero(outputs[n])))
        _next_states(body, names, [outputs[f"d {name}"] for name in program.states], "carried_")
        body.add(*(f"{name}_row -= {name}_stride" for name in strides))

    back(way.last, [False] * len(names.states), "sum", "segment")
    body.deeper("for behind in range(segments):")
    body.add("end = steps - 1 - behind * every", "length = min(every, end)")
    body.add("segment -= row", "place = scratch", "x_row -= (length - 1).to(tl.int64) * x_stride")
    _load_states(body, names, "segment")
    body.deeper(f"for step in tl.range(0, length - 1, num_stages={_AHEAD}):")
    _store_states(body, names, "place")
    body.add(f"{names.x} = {_load('x_row + column', how.dtype)}")
    outputs = body.computed(_states_alone(program.forward), names.inputs(program))
    _next_states(body, names, [outputs[name] for name in program.states])
    body.add("x_row += x_stride", "place += row")
    body.back()
    _store_states(body, names, "place")
    body.add("tl.debug_barrier()")
    body.add(*(f"part_{j} = tl.zeros([BLOCK], tl.{how.dtype})" for j in range(len(sums))))
    body.deeper(f"for step in tl.range(0, length, num_stages={_AHEAD}):")
    back(way.before, way.follows, "part", "place")
    body.add("place -= row")
    body.back()
    body.add(*(f"{total} += part_{j}" for j, total in enumerate(sums)), "tl.debug_barrier()")
    body.back()
    body.add(*(f"tl.store({s}_first_grad + column, carried_{s}, mask=there)" for s in names.states))
    body.add(*(f"tl.store({total}_out + column, {total}, mask=there)" for total in sums))
    arguments = ["x_in", *["spikes_grad"] * how.spikes, *(f"{s}_grad" for s in inputs)]
    arguments += [f"{k}_in" for k in names.coefficients] + ["kept", "scratch", *["x_grad"] * how.need_x]
    arguments += [*(f"{s}_first_grad" for s in names.states), *(f"{total}_out" for total in sums)]
    arguments += ["steps", "columns", *(f"{name}_stride" for name in strides), "every", "row"]
    return _source(f"{names.neuron}_backward", arguments, body)


class _Names:
    """The names of a program's values in the source: its own, if they are valid in Python and unique."""

    def __init__(self, program: StepProgram) -> None:
        self._given: dict[str, str] = {}
        self.neuron = re.sub(r"\W", "_", program.neuron, flags=re.ASCII).lower()
        self.x = self._name("x")
        self.states = [self._name(name) for name in program.states]
        self.coefficients = [self._name(name) for name in program.coefficients]

    def inputs(self, program: StepProgram) -> dict[str, str]:
        """Return the names of a step's inputs, by their names in the program."""
        return {name: self._given[name] for name in ("x", *program.states, *program.coefficients)}

    def _name(self, name: str) -> str:
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)
        while plain in (*_TAKEN, *self._given.values()) or keyword.iskeyword(plain) or _OURS.fullmatch(plain):
            plain = f"s_{plain}_"
        self._given[name] = plain
        return plain


def _begin(body: Lines, names: _Names, program: StepProgram, scalar: Iterable[bool]) -> None:
    longest = max(len(part.instructions) for part in (program.forward, program.backward))
    if longest > _MOST:
        raise Unknown(f"a step of {longest} instructions; its kernel takes up to {_MOST}")
    body.add("column = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)", "there = column < columns")
    for k, is_one in zip(names.coefficients, scalar, strict=True):
        loaded = f"tl.broadcast_to(tl.load({k}_in).to(tl.{body.dtype}), [BLOCK])"
        body.add(f"{k} = {loaded if is_one else _load(f'{k}_in + column', body.dtype)}")


def _load(place: str, dtype: str) -> str:
    return f"tl.load({place}, mask=there, other=0.0).to(tl.{dtype})"


def _place_states(body: Lines, names: _Names) -> None:
    """Add the place of each state in a row of states: one after another, each with as many columns as there are."""
    place = "column"
    for s in names.states:
        body.add(f"in_{s} = {place}")
        place = f"in_{s} + columns"


def _store_states(body: Lines, names: _Names, row: str, mask: str = "there") -> None:
    body.add(*(f"tl.store({row} + in_{s}, {s}, mask={mask})" for s in names.states))


def _load_states(body: Lines, names: _Names, row: str) -> None:
    body.add(*(f"{s} = {_load(f'{row} + in_{s}', body.dtype)}" for s in names.states))


def _next_states(body: Lines, names: _Names, values: Sequence[str], prefix: str = "") -> None:
    """Add the update of all states to their next values, each of which may depend on the others' current ones."""
    present = [f"{prefix}{s}" for s in names.states]
    for s, own, value in zip(names.states, present, values, strict=True):
        # in a loop that passes on another state unchanged, as a queue does, Triton loads nothing ahead
        queued = value in present and value != own
        body.add(f"next_{s} = tl.where(there, {value}, 0.0)" if queued else f"next_{s} = {value}")
    body.add(*(f"{own} = next_{s}" for s, own in zip(names.states, present, strict=True)))


def _states_alone(program: Program) -> Program:
    states = {name: operand for name, operand in program.outputs.items() if name != "emitted"}
    return without(Program(program.inputs, program.instructions, states), ())


def _source(name: str, arguments: Sequence[str], body: Lines) -> Source:
    listed = textwrap.fill(f"{', '.join(arguments)},", 96, break_long_words=False)
    inner = textwrap.indent(f"{listed}\nBLOCK: tl.constexpr,\n):\n{body}", "    ").replace("    ):", "):", 1)
    return Source(name, tuple(arguments), f"def {name}(\n{inner}")
