"""Backend for Graphcore's Intelligence Processing Unit (IPU): lower a net, run its bundle there, bring weights back.

Everything here keeps to the syntax of Python 3.8, on which the IPU's SDK runs; ``check``, ``lower``, ``export``
and the target need snn-core, and the rest needs only torch. Nothing is imported before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .device.sdk import IpuUnavailable
    from .issues import IpuIssue
    from .lowering.checking import check
    from .lowering.lowering import export, lower
    from .program.arrays import ArrayError
    from .program.bundle import BundleError
    from .program.program import Program, load, weights
    from .target import Ipu

__all__ = [
    "check",
    "lower",
    "export",
    "load",
    "weights",
    "Program",
    "Ipu",
    "IpuIssue",
    "IpuUnavailable",
    "ArrayError",
    "BundleError",
    "__version__",
]

_HOMES = {
    "check": "lowering.checking",
    **dict.fromkeys(("lower", "export"), "lowering.lowering"),
    **dict.fromkeys(("load", "weights", "Program"), "program.program"),
    "Ipu": "target",
    "IpuIssue": "issues",
    "IpuUnavailable": "device.sdk",
    "ArrayError": "program.arrays",
    "BundleError": "program.bundle",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
