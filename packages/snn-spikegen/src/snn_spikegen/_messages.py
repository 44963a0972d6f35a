"""Messages of errors and warnings in one form: who was called, what is wrong, what was passed and how to mend it."""

from __future__ import annotations

import sys
from types import FrameType

import torch


def must(name: str, rule: str, value: object, fix: str = "") -> str:
    """Return ``caller: name must rule, got value. Fix: fix``; ``rule`` begins with a verb, such as ``"be an int"``."""
    return fault(f"{name} must {rule}, got {value}", fix)


def fault(what: str, fix: str = "") -> str:
    """Return ``caller: what. Fix: fix``; without a fix, ``caller: what``."""
    caller = "" if torch.compiler.is_compiling() else _caller(sys._getframe(1))
    return f"{caller}{': ' if caller else ''}{what}{'. Fix: ' if fix else ''}{fix}"


def _caller(frame: FrameType | None) -> str:
    """Return the public function that the user called, the outermost one that led here."""
    caller = ""
    while frame is not None and frame.f_globals.get("__name__", "").startswith("snn_spikegen."):
        if frame.f_code.co_name in sys.modules["snn_spikegen"].__all__:
            caller = frame.f_code.co_name
        frame = frame.f_back
    return caller
