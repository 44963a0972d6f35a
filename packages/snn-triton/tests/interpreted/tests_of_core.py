"""Parts of snn-core's tests that tests of engines use: the zoo of neurons, and random neurons."""

from __future__ import annotations

import importlib
import pathlib
import sys
from types import ModuleType
from typing import Any

_package = sys.modules["tests_of_core"] = ModuleType("tests_of_core")
_package.__path__ = [str(pathlib.Path(__file__).parents[3] / "snn-core" / "tests")]

zoo: Any = importlib.import_module("tests_of_core.zoo")
random_neurons: Any = importlib.import_module("tests_of_core.test_random_neurons")
