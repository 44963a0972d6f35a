"""The folder for downloaded data and cached samples."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["data_folder"]


def data_folder() -> Path:
    """Return the folder for data sets and cached samples: ``snn-data`` in the user's cache folder.

    The environment variable ``SNN_DATA`` names another one. Nothing is created.

    Returns:
        The folder; it need not exist.

    Example:
        >>> data_folder().is_absolute()
        True

    Source: XDG Base Directory Specification 0.8; Apple and Microsoft's guides for their systems.
    """
    chosen = os.environ.get("SNN_DATA")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "snn-data"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "snn-data"
    path = os.environ.get("XDG_CACHE_HOME", "")
    # by the specification, a relative path must be ignored
    return (Path(path) if os.path.isabs(path) else Path.home() / ".cache") / "snn-data"
