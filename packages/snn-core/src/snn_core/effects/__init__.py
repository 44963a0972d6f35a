"""Effects of code besides its results, and copies that share nothing.

These names are for packages that run a user's code twice; others import from ``snn_core``.
"""

from snn_core.effects.copies import copied, must_be_apart, unhook
from snn_core.effects.fingerprint import Fingerprint
from snn_core.effects.random_states import RandomStates
from snn_core.effects.reads import READS, is_random, name_of

__all__ = [
    "Fingerprint",
    "READS",
    "RandomStates",
    "copied",
    "is_random",
    "must_be_apart",
    "name_of",
    "unhook",
]
