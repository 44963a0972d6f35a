"""Messages of errors and warnings in one form: who was called, what is wrong, what was passed and how to mend it."""

from __future__ import annotations

import sys
from types import FrameType

import torch

_BETWEEN = "contextlib", "snn_core.", "torch."  # modules that call a function of this package for another one


def must(name: str, rule: str, value: object, fix: str = "") -> str:
    """Return ``caller: name must rule, got value. Fix: fix``; ``rule`` begins with a verb, such as ``"be an int"``."""
    return fault(f"{name} must {rule}, got {value}", fix)


def fault(what: str, fix: str = "") -> str:
    """Return ``caller: what. Fix: fix``; without a fix, ``caller: what``."""
    caller = "" if torch.compiler.is_compiling() else _caller(sys._getframe(1))
    return f"{caller}{': ' if caller else ''}{what}{'. Fix: ' if fix else ''}{fix}"


def _caller(frame: FrameType | None) -> str:
    """Return the public function or class that the user called, the outermost one that led here."""
    caller = ""
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith("snn_functional."):
            caller = _public_name(frame) or caller
        elif caller and not module.startswith(_BETWEEN):
            break
        frame = frame.f_back
    return caller


def _public_name(frame: FrameType) -> str:
    """Return the name by which a user calls the function of a frame; empty for a function that is not public."""
    function, owner = frame.f_code.co_name, frame.f_locals.get("self")
    if owner is None:
        name = frame.f_code.co_qualname
        return name if _is_public(name.partition(".")[0]) else ""
    if not any(_is_public(kind.__name__) for kind in type(owner).__mro__):
        return ""
    name = type(owner).__name__
    return name if function.startswith(("_", "<")) or function == "forward" else f"{name}.{function}"


def _is_public(name: str) -> bool:
    package = sys.modules["snn_functional"]
    return any(name in getattr(module, "__all__", ()) for module in (package, *vars(package).values()))
