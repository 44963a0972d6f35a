"""An estimate of the energy of synaptic operations, by a published table of what arithmetic costs."""

from __future__ import annotations

from dataclasses import dataclass

from snn_functional._numbers import finite
from snn_functional.statistics.synops import SynapticOperations, SynopsCount

__all__ = ["HOROWITZ_45NM", "CostModel", "synops_energy"]


@dataclass(frozen=True)
class CostModel:
    """What an operation costs.

    Args:
        name: Where the numbers are from.
        ac: Energy of an addition, in joules.
        mac: Energy of a multiplication with addition, in joules.

    Raises:
        TypeError: If ``name`` is no text or an energy no number.
        ValueError: If an energy is negative, infinite or NaN.

    Example:
        >>> CostModel("my chip, 28 nm", ac=0.2e-12, mac=1.1e-12).ac
        2e-13
    """

    name: str
    ac: float
    mac: float

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"name is {self.name!r}; pass a str that says where the numbers are from")
        for name, cost in (("ac", self.ac), ("mac", self.mac)):
            if finite(name, cost, "an energy in joules") < 0:
                raise ValueError(f"{name} is {cost}; an energy in joules is at least 0")


HOROWITZ_45NM = CostModel("Horowitz (2014), 45 nm CMOS at 0.9 V, 32-bit floats", ac=0.9e-12, mac=4.6e-12)


def synops_energy(operations: SynapticOperations | SynopsCount, cost: CostModel) -> float:
    r"""Energy of synaptic operations.

    .. math:: E = N_\text{AC} E_\text{AC} + N_\text{MAC} E_\text{MAC}

    It is that of the arithmetic alone: moving data costs more than computing on most hardware, and what a neuron itself
    computes is not in it. It compares nets; it does not predict a chip.

    Args:
        operations: What :func:`~snn_functional.synops` counts, or a part of it.
        cost: What an operation costs; ``HOROWITZ_45NM`` is the table that most papers use: 0.9 pJ for a 32-bit float
            addition, and with 3.7 pJ for the multiplication 4.6 pJ for both.

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
        raise TypeError(f"operations is a {type(operations).__name__}; pass what snn_functional.synops returns")
    if not isinstance(cost, CostModel):
        raise TypeError(f"cost is a {type(cost).__name__}; pass a CostModel, such as HOROWITZ_45NM")
    counted = operations.total if isinstance(operations, SynopsCount) else operations
    return counted.acs * cost.ac + counted.macs * cost.mac
