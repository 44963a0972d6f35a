"""Names and module paths that the package had up to 0.5."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from snn_data.splits.split import Split

__all__ = ["former_name", "keep_former_paths"]

FORMER = {"DigitsSplit": Split, "VowelsSplit": Split}


def former_name(name: str) -> Any:
    """Look up a name that the package used to have, with a warning."""
    if name == "fingerprint":
        raise AttributeError(
            "snn_data.fingerprint, which named cached samples up to 0.5, is gone: cached(..., key=...) takes a name of "
            "your own; the digest of an array is hashlib.sha256(array.tobytes()).hexdigest()"
        )
    if name not in FORMER:
        raise AttributeError(f"module 'snn_data' has no attribute {name!r}")
    warnings.warn(
        f"snn_data.{name} is now snn_data.{FORMER[name].__name__}, one class for all", DeprecationWarning, stacklevel=2
    )
    return FORMER[name]


def keep_former_paths() -> None:
    """Let ``snn_data.split`` and the other paths of up to 0.5, to which pickles refer, lead to the present modules."""
    for path, module in [*sys.modules.items()]:
        package, _, rest = path.partition(".")
        folder, _, name = rest.partition(".")
        if package == "snn_data" and folder in ("events", "files", "sets", "splits") and name:
            sys.modules[f"snn_data.{name}"] = module
