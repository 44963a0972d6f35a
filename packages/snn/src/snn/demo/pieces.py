"""What the demonstration needs beside the core."""

from __future__ import annotations

import importlib.util

__all__ = ["MissingPieces", "require_pieces"]

NEEDED = {
    "snn_data": "snn-data",
    "sklearn": "scikit-learn",
    "snn_functional": "snn-functional",
    "snn_plot": "snn-plot",
}


class MissingPieces(ImportError):
    """Something that the demonstration needs is not installed; the message names it."""


def require_pieces() -> None:
    """Check that all that the demonstration needs can be imported, before anything takes time.

    Raises:
        MissingPieces: If something is not installed.

    Example:
        >>> require_pieces()
    """
    missing = [name for package, name in NEEDED.items() if importlib.util.find_spec(package) is None]
    if missing:
        raise MissingPieces(f"not installed: {', '.join(missing)}; pip install 'snn[demo]'")
