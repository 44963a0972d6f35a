"""The combinations of options on which the two packages differ on purpose, each with its reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .cases import CASES, Case


@dataclass(frozen=True)
class Exclusion:
    """Cases left out of the comparison; ``raises`` where the peer does not run at all."""

    reason: str
    covers: Callable[[Case], bool]
    raises: type[Exception] | None = None

    def __str__(self) -> str:
        return self.reason


def _is(*names: str) -> Callable[[Case], bool]:
    return lambda case: case.kind.neuron in names


EXCLUDED = [
    Exclusion(
        "the peer's inhibition takes dense layers only",
        lambda case: case.get("inhibition") and len(case.kind.shape) > 2 and not _is("SConv2dLSTM")(case),
        IndexError,
    ),
    Exclusion(
        "the peer's RSynaptic without a delay raises",
        lambda case: _is("RSynaptic")(case) and not case.get("reset_delay"),
        TypeError,
    ),
    Exclusion(
        "the peer's zero reset drops the input of its step",
        lambda case: (
            _is("RLeaky", "Synaptic", "RSynaptic", "Lapicque")(case)
            and case.get("reset_mechanism") == "zero"
            and case.get("reset_delay")
        ),
    ),
    Exclusion(
        "the peer's Alpha does not subtract the threshold",
        lambda case: _is("Alpha")(case) and case.get("reset_mechanism") == "subtract",
    ),
    Exclusion(
        "the peer resets the losers of an inhibition",
        lambda case: case.get("inhibition") and case.get("reset_mechanism") != "none" and not _is("DeltaLeaky")(case),
    ),
    Exclusion(
        "the peer's inhibited spikes are not graded",
        lambda case: case.get("inhibition") and case.get("graded_spikes_factor") != 1 and _is("Leaky")(case),
    ),
    Exclusion(
        "the peer quantizes the average over a pool once more",
        lambda case: case.get("state_quant") and case.kind.arguments().get("avg_pool", 0) > 0,
    ),
    Exclusion(
        "the peer's DeltaLeaky has no inhibition",
        lambda case: _is("DeltaLeaky")(case) and case.get("inhibition"),
    ),
    Exclusion(
        "the peer's DeltaLeaky does not quantize its state",
        lambda case: _is("DeltaLeaky")(case) and case.get("state_quant"),
    ),
    Exclusion(
        "the peer's DeltaLeaky does not grade its spikes",
        lambda case: _is("DeltaLeaky")(case) and case.get("graded_spikes_factor") != 1,
    ),
]


def reasons(case: Case) -> list[Exclusion]:
    """Say why a case is left out; None where the two packages agree."""
    return [exclusion for exclusion in EXCLUDED if exclusion.covers(case)]


SHARED = [case for case in CASES if not reasons(case)]
