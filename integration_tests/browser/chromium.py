"""The Chromium of the machine: none is ever downloaded."""

from __future__ import annotations

import os
import shutil

__all__ = ["chromium"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str:
    """Return the path of Chromium: the one in CHROMIUM, or the first of its usual names on the path.

    Returns:
        The program.

    Raises:
        FileNotFoundError: If there is none.
    """
    named = os.environ.get("CHROMIUM")
    for name in (named,) if named else NAMES:
        if path := shutil.which(name):
            return path
    looked = f"CHROMIUM={named} is not a program" if named else f"there is no {', '.join(NAMES)} here"
    raise FileNotFoundError(f"{looked}: install the system's Chromium (Debian: apt install chromium), or name one")
