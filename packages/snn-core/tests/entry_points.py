"""Pretended installations: entry points of packages that are not there, for the tests of the registries."""

from __future__ import annotations

import sys
from importlib import metadata
from types import ModuleType
from typing import Any

import pytest


def pretend(monkeypatch: pytest.MonkeyPatch, group: str, **offered: Any) -> None:
    """Add entry points to ``group`` as installed packages would.

    A value is the object that the entry point gives, or text ``"module:attribute"`` to be imported as it stands.
    """
    module = ModuleType("pretended")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    entries = []
    for name, value in offered.items():
        if not isinstance(value, str):
            setattr(module, name, value)
            value = f"pretended:{name}"
        entries.append(metadata.EntryPoint(name=name, value=value, group=group))
    real = metadata.entry_points

    def entry_points(**params: Any) -> metadata.EntryPoints:
        added = [e for e in entries if all(getattr(e, key) == value for key, value in params.items())]
        return metadata.EntryPoints([*real(**params), *added])

    monkeypatch.setattr(metadata, "entry_points", entry_points)
