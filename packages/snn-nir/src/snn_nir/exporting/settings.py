"""The choices made by the caller of an export."""

from __future__ import annotations

import math
from dataclasses import dataclass

from snn_nir.codes import refusal

_CHOICES = {
    "method": ("euler", "exact"),
    "on_unsupported": ("error", "drop", "metadata"),
    "reset": ("decomposed", "compact"),
    "one_to_one": ("scale", "linear"),
}


@dataclass(frozen=True)
class Settings:
    """The choices where NIR can express something in several ways or not at all; see ``to_nir``."""

    dt: float = 1e-4
    method: str = "euler"
    on_unsupported: str = "error"
    reset: str = "decomposed"
    one_to_one: str = "scale"  # recurrence of each neuron to itself: a Scale, or a Linear of a diagonal matrix

    def __post_init__(self) -> None:
        if not isinstance(self.dt, int | float) or not (math.isfinite(self.dt) and self.dt > 0):
            raise refusal("NIR409", "to_nir", f"dt is {self.dt!r}", "pass a step in seconds, greater than 0")
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                listed = " or ".join(map(repr, choices))
                raise refusal("NIR409", "to_nir", f"{name} is {value!r}", f"pass {listed}")
