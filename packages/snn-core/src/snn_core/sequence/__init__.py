"""A net written for one time step, run over a whole sequence.

These names are for packages that run nets; others import from ``snn_core``.
"""

from snn_core.sequence.layers import known_ahead
from snn_core.sequence.recomputation import Snapshot
from snn_core.sequence.streaming import DROPOUTS, changes_or_draws, is_normalization

__all__ = [
    "DROPOUTS",
    "Snapshot",
    "changes_or_draws",
    "is_normalization",
    "known_ahead",
]
