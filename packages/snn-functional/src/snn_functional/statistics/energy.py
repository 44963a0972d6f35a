"""An estimate of the energy of synaptic operations, from a published table of the cost of arithmetic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from typing import Any

from snn_functional._messages import fault, must
from snn_functional._numbers import finite, real
from snn_functional.statistics.synops import SynapticOperations, SynopsCount


@dataclass(frozen=True)
class CostModel:
    """The energy of an operation, and of an access to memory.

    Args:
        name: Source of the numbers.
        ac: Energy of an addition, in joules.
        mac: Energy of a multiply-accumulate, in joules.
        int8_ac: Energy of an addition of 8-bit integers; None if unknown: nets in int8 then have no cost.
        int8_mac: Energy of a multiply-accumulate of 8-bit integers, likewise.
        memories: Kinds of memory, the smallest first, as pairs: the bytes that it holds, ``float("inf")`` in the last,
            and the energy of an access to 32 bits, in joules. Empty if accesses cost nothing.

    Raises:
        TypeError: If ``name`` is not a string, an energy is not a number, or ``memories`` are not pairs.
        ValueError: If an energy is negative, infinite or NaN, only one energy of integers is given, or the memories
            do not grow up to an infinite one.

    Example:
        >>> CostModel("my chip, 28 nm", ac=0.2e-12, mac=1.1e-12).ac
        2e-13
    """

    name: str
    ac: float
    mac: float
    int8_ac: float | None = None
    int8_mac: float | None = None
    memories: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(must("name", "be a str that says where the numbers are from", repr(self.name)))
        missing = [name for name in ("int8_ac", "int8_mac") if getattr(self, name) is None]
        if len(missing) == 1:
            raise ValueError(fault(f"{missing[0]} is None", "pass both int8_ac and int8_mac, or neither"))
        for name in ("ac", "mac", *(() if missing else ("int8_ac", "int8_mac"))):
            cost = getattr(self, name)
            if finite(name, cost, "an energy in joules") < 0:
                raise ValueError(must(name, "be at least 0, in joules", cost))
        _must_be_memories(self.memories)

    def access(self, size: float) -> float:
        """Return the energy of an access to 32 bits in the smallest memory that holds a number of bytes, in joules."""
        return next((energy for holds, energy in self.memories if holds >= size), 0.0)


def _must_be_memories(memories: Any) -> None:
    pairs = isinstance(memories, tuple) and all(isinstance(memory, tuple) and len(memory) == 2 for memory in memories)
    if not pairs:
        raise TypeError(must("memories", "be a tuple of pairs (bytes, joules)", repr(memories)))
    sizes = [real("the bytes of memories", size) for size, _ in memories]
    for _, cost in memories:
        if finite("the energies of memories", cost) < 0:
            raise ValueError(must("the energies of memories", "be at least 0, in joules", cost))
    grow = all(small < large for small, large in pairwise([0, *sizes]))
    if sizes and not (grow and sizes[-1] == inf):
        raise ValueError(must("the bytes of memories", "grow, up to inf in the last one", repr(memories)))


HOROWITZ_45NM = CostModel(
    "Horowitz (2014), 45 nm CMOS at 0.9 V, 32-bit floats", ac=0.9e-12, mac=4.6e-12, int8_ac=0.03e-12, int8_mac=0.23e-12
)

# half the energy of 64 bits: 10, 20, 100 pJ in caches of 8 KB, 32 KB, 1 MB, and the least of DRAM's 1.3 to 2.6 nJ
_MEMORIES = ((2**13, 5e-12), (2**15, 10e-12), (2**20, 50e-12), (inf, 650e-12))
MODELS: dict[str, CostModel] = {
    "45nm": HOROWITZ_45NM,
    "45nm+memory": replace(HOROWITZ_45NM, name=f"{HOROWITZ_45NM.name}, with memory", memories=_MEMORIES),
}


def synops_energy(operations: SynapticOperations | SynopsCount, cost: CostModel) -> float:
    r"""Return the energy of synaptic operations.

    .. math:: E = N_\text{AC} E_\text{AC} + N_\text{MAC} E_\text{MAC}

    It is the energy of the arithmetic alone: on most hardware, moving data costs more than computing, and the
    computation of the neurons themselves is not included. It compares nets; it does not predict a chip.

    Args:
        operations: The operations that :func:`~snn_functional.synops` counts, or a part of them.
        cost: Cost of an operation; ``HOROWITZ_45NM`` is the table that most papers use: 0.9 pJ for an addition of
            32-bit floats, and 4.6 pJ for a multiply-accumulate, which adds 3.7 pJ for the multiplication.

    Returns:
        The energy in joules.

    Raises:
        TypeError: If an argument is of the wrong kind.

    Example:
        >>> from snn_functional.statistics import HOROWITZ_45NM, SynapticOperations, synops_energy
        >>> f"{synops_energy(SynapticOperations(acs=1000, macs=100), HOROWITZ_45NM) * 1e9:.2f} nJ"
        '1.36 nJ'

    Source: Horowitz, Computing's energy problem (and what we can do about it) (2014), figure 1.1.9.
    """
    if not isinstance(operations, SynapticOperations | SynopsCount):
        raise TypeError(must("operations", "be what snn_functional.synops returns", type(operations).__name__))
    if not isinstance(cost, CostModel):
        raise TypeError(must("cost", "be a CostModel, such as HOROWITZ_45NM", type(cost).__name__))
    counted = operations.total if isinstance(operations, SynopsCount) else operations
    return counted.acs * cost.ac + counted.macs * cost.mac
