"""The places of a step's values, and the memory and operations of a net."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from snn_core.results import Line, Result
from snn_export.c.arrays import BYTES, Array
from snn_export.c.names import comment
from snn_export.c.routine import Buffer, Field, Refusal, Routine, View

__all__ = ["LayerReport", "MemoryReport", "Placement", "placed", "reported"]

_MOST_BYTES = 2**31


@dataclass(frozen=True)
class LayerReport:
    """The bytes and operations of one layer.

    Args:
        path: Its path in the net.
        kind: Class of the layer.
        flash: Bytes of its constants.
        ram: Bytes of its state.
        operations: Multiply-adds and element-wise operations of a step, if no zero is skipped.
    """

    path: str
    kind: str
    flash: int
    ram: int
    operations: int


@dataclass(frozen=True, repr=False)
class MemoryReport(Result):
    """The memory and operations of a net in C, without its code.

    Args:
        flash: Bytes of constants, which are only read.
        state: Bytes that are kept from step to step.
        scratch: Bytes that a step needs temporarily.
        ram: ``sizeof(net_state)``, which contains state and scratch.
        operations: Multiply-adds and element-wise operations of a step, if no zero is skipped.
        layers: The same for each layer, in order.
    """

    flash: int
    state: int
    scratch: int
    ram: int
    operations: int
    layers: tuple[LayerReport, ...]
    _numbers: ClassVar[str] = ">"

    @property
    def largest(self) -> LayerReport:
        """The layer that takes the most bytes of constants and state."""
        return max(self.layers, key=lambda layer: layer.flash + layer.ram)

    def _lines(self) -> list[Line]:
        rows: list[Line] = [("layer", "flash", "state", "operations")]
        rows += [(_name(layer), str(layer.flash), str(layer.ram), str(layer.operations)) for layer in self.layers]
        rows += [("all", str(self.flash), str(self.state), str(self.operations))]
        text = [
            f"flash for constants: {self.flash} bytes",
            f"RAM: {self.ram} bytes, of which state {self.state} and scratch {self.scratch}",
            f"operations per step: {self.operations}, if no input is zero",
        ]
        if self.layers:
            text.append(f"largest layer: {_name(self.largest)}")
        return [*text, "", *rows]

    def must_fit(self, ram: int | None, flash: int | None) -> None:
        """Raise Refusal unless the net fits into budgets in bytes."""
        for name, most, takes, remedy in (
            ("ram", ram, self.ram, "smaller layers or fewer channels need less"),
            ("flash", flash, self.flash, "fewer weights need less, and the weights of an integer net need a quarter"),
        ):
            if most is None:
                continue
            if isinstance(most, bool) or not isinstance(most, int):
                raise TypeError(f"{name} is {most!r}; pass a number of bytes as an int, or None")
            if takes > most:
                raise Refusal(f"the net takes {takes} bytes of {name}, but {name}={most} allows fewer; {remedy}")


def _name(layer: LayerReport) -> str:
    path = layer.path if len(layer.path) < 60 else f"{layer.path[:57]}..."
    return comment(f"{path} ({layer.kind})" if path else layer.kind)


@dataclass(frozen=True)
class Placement:
    """The places of all values.

    Args:
        scratch: Numbers of each type that a step needs temporarily.
        copies: Copies to the output after the last layer: source, and place in the output.
    """

    scratch: dict[str, int]
    copies: list[tuple[Buffer, int]]


def placed(routines: Sequence[Routine], inputs: Buffer, outputs: Sequence[View], ctype: str) -> Placement:
    """Give every value its place: in the output, or in memory that is shared over time with other values."""
    inputs.place = "in"
    copies, first = [], 0
    computed = {routine.layer.writes for routine in routines}
    for view in outputs:
        buffer = view.buffer
        if buffer in computed and not buffer.place and buffer.ctype == ctype:
            buffer.place = f"out + {first}" if first else "out"
        else:
            copies.append((buffer, first))
        first += buffer.size
    last = {buffer: k for k, routine in enumerate(routines) for buffer in routine.layer.reads}
    last |= {buffer: len(routines) for buffer, _ in copies}
    arenas: dict[str, _Arena] = {}
    for k, routine in enumerate(routines):
        for arena in arenas.values():
            arena.live = {buffer: first for buffer, first in arena.live.items() if last.get(buffer, -1) >= k}
        reads, writes = routine.layer.reads, routine.layer.writes
        if not writes.place:
            arena = arenas.setdefault(writes.ctype, _Arena(writes.ctype))
            own = [b for b in reads if routine.in_place and last[b] == k and b.size == writes.size]
            if not any(arena.replace(b, writes) for b in own):
                arena.take(writes)
            last.setdefault(writes, k)
        for buffer in routine.temporaries:
            arenas.setdefault(buffer.ctype, _Arena(buffer.ctype)).take(buffer)
            last[buffer] = k
    return Placement({ctype: arena.size for ctype, arena in arenas.items()}, copies)


def _array_of(ctype: str) -> str:
    return "scratch" if ctype == "float" else f"scratch_{ctype.removesuffix('_t')}"


class _Arena:
    """Memory for numbers of one type, whose parts are used again and again."""

    def __init__(self, ctype: str) -> None:
        self.live: dict[Buffer, int] = {}
        self.size = 0
        self._name = _array_of(ctype)

    def take(self, buffer: Buffer) -> None:
        """Give a value the first free place."""
        first = 0
        for other, begin in sorted(self.live.items(), key=lambda pair: pair[1]):
            if begin - first >= buffer.size:
                break
            first = max(first, begin + other.size)
        self._put(buffer, first)
        self.size = max(self.size, first + buffer.size)

    def replace(self, old: Buffer, new: Buffer) -> bool:
        """Give a value the place of one that nothing else needs; return False if that is elsewhere."""
        if old not in self.live:
            return False
        self._put(new, self.live.pop(old))
        return True

    def _put(self, buffer: Buffer, first: int) -> None:
        self.live[buffer] = first
        buffer.place = f"state->{self._name} + {first}" if first else f"state->{self._name}"


def members(routines: Sequence[Routine], placement: Placement) -> list[Field]:
    """Return the members of the state, the widest types first, so that none is padded."""
    fields = [field for routine in routines for field in routine.fields]
    fields += [Field(_array_of(t), t, size, "temporary memory of a step") for t, size in placement.scratch.items()]
    fields = fields or [Field("unused", "int8_t", 1, "a net that keeps nothing")]
    return sorted(fields, key=lambda field: -BYTES[field.ctype])


def reported(routines: Sequence[Routine], placement: Placement) -> MemoryReport:
    """Return the memory and operations of a net."""
    layers = tuple(
        LayerReport(r.layer.path, r.layer.kind, _bytes(r.arrays), _bytes(r.fields), r.operations) for r in routines
    )
    fields = members(routines, placement)
    widest = BYTES[fields[0].ctype]
    ram = -(-_bytes(fields) // widest) * widest
    state = sum(layer.ram for layer in layers)
    scratch = sum(size * BYTES[ctype] for ctype, size in placement.scratch.items())
    flash = _bytes(dict.fromkeys(array for routine in routines for array in routine.arrays))
    for name, size in (("RAM", ram), ("flash", flash)):
        if size >= _MOST_BYTES:
            raise Refusal(f"the net takes {size} bytes of {name}; a net in C must take less than {_MOST_BYTES}")
    return MemoryReport(flash, state, scratch, ram, sum(layer.operations for layer in layers), layers)


def _bytes(parts: Iterable[Array | Field]) -> int:
    return sum(part.bytes for part in parts)
