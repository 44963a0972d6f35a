"""Import modules of one package's tests in the tests of another package and in tools."""

from __future__ import annotations

import importlib
import re
import sys
from types import ModuleType
from typing import Any

from workspace import ROOT


def module_of_tests(folder: str, name: str) -> Any:
    """Import a module from a folder of tests, only once; it may import its neighbors there.

    Example:
        >>> module_of_tests("snn-core/tests", "zoo") is module_of_tests("snn-core/tests", "zoo")
        True
    """
    package = re.sub(r"\W", "_", folder)
    if package not in sys.modules:
        sys.modules[package] = ModuleType(package)
        sys.modules[package].__path__ = [str(ROOT / "packages" / folder)]
    return importlib.import_module(f"{package}.{name}")
