"""Parts of the tests in Triton's interpreter that tests on a GPU share."""

from __future__ import annotations

import importlib
import pathlib
import sys
from types import ModuleType
from typing import Any

_package = sys.modules["tests_of_interpreter"] = ModuleType("tests_of_interpreter")
_package.__path__ = [str(pathlib.Path(__file__).parents[1] / "interpreted")]

comparison: Any = importlib.import_module("tests_of_interpreter.comparison")
functions: Any = importlib.import_module("tests_of_interpreter.functions")
neurons: Any = importlib.import_module("tests_of_interpreter.test_neurons")
