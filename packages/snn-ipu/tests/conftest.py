"""Fixtures of every test, and a list of the files that need pieces this package does not depend on."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import shutil
import sys

import pytest

from . import poptorch_double

# collected where the pieces are: the first two wherever all packages are installed, the third where a compiler is
_NEEDS = {
    "test_digits.py": importlib.util.find_spec("snn_functional") and importlib.util.find_spec("sklearn"),
    "test_losses.py": importlib.util.find_spec("snn_functional"),
    "test_operator.py": shutil.which(os.environ.get("CXX", "g++")),
}
collect_ignore = [file for file, result in _NEEDS.items() if not result]


@pytest.fixture
def poptorch(monkeypatch: pytest.MonkeyPatch):
    """The double in place of PopTorch, with a device attached."""
    monkeypatch.setitem(sys.modules, "poptorch", poptorch_double)
    monkeypatch.setattr(poptorch_double, "__spec__", importlib.machinery.ModuleSpec("poptorch", None))
    monkeypatch.setattr(poptorch_double, "attached", True)
    monkeypatch.setattr(poptorch_double, "blocks", [])
    return poptorch_double
