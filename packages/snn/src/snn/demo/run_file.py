"""The file ``run.json``, and the check that a run wrote it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from snn.demo.tasks.registry import settings_of

__all__ = ["THREADS", "InvalidRun", "read_run"]

THREADS = 1024  # more than any machine computes on; many more would take all memory for their stacks

Check = Callable[[str, Any], None]


class InvalidRun(ValueError):
    """Error of a file that is not a ``run.json`` of a run; the message names the field."""


def read_run(path: str | Path) -> dict[str, Any]:
    """Read a ``run.json``, and check that every field is there, has the right kind, and agrees with the others.

    Raises:
        InvalidRun: If a field is missing, unknown, or cannot be what a run wrote.
        OSError: If the file cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        ...     _ = file.write('{"task": "digits"}')
        ...     file.flush()
        ...     read_run(file.name)
        Traceback (most recent call last):
        snn.demo.run_file.InvalidRun: the run has no field 'title'; ...
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidRun(f"{path} is not JSON ({error}); pass the run.json that snn demo wrote") from error
    _RUN("", content)
    _check_settings(content["task"], content["settings"])
    _check_agreement(content)
    return content


def _fail(where: str, value: Any, expected: str) -> InvalidRun:
    return InvalidRun(f"{where or 'the run'} is {value!r:.60}; a run writes {expected}")


def _one(kind: type | tuple[type, ...], expected: str, holds: Callable[[Any], bool] = lambda _: True) -> Check:
    def check(where: str, value: Any) -> None:
        if not isinstance(value, kind) or isinstance(value, bool) or not holds(value):
            raise _fail(where, value, expected)

    return check


def _each(of: Check) -> Check:
    def check(where: str, value: Any) -> None:
        if not isinstance(value, list):
            raise _fail(where, value, "a list")
        for i, item in enumerate(value):
            of(f"{where}[{i}]", item)

    return check


def _fields(of: Mapping[str, Check]) -> Check:
    def check(where: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise _fail(where, value, "an object")
        owner = where or "the run"
        for name in of:
            if name not in value:
                raise InvalidRun(f"{owner} has no field {name!r}; pass the run.json that snn demo wrote, unchanged")
        for name in value:
            if name not in of:
                raise InvalidRun(f"{owner} has a field {name!r} that no run writes; leave it out")
        for name, item in of.items():
            item(f"{where}.{name}".removeprefix("."), value[name])

    return check


def _named(of: Check) -> Check:
    def check(where: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise _fail(where, value, "an object")
        for name, item in value.items():
            of(f"{where}[{name!r}]", item)

    return check


_TEXT = _one(str, "a string")
_COUNT = _one(int, "a whole number of at least 0, below 2**63", lambda n: 0 <= n < 2**63)
_SHARE = _one((int, float), "a number in [0, 1]", lambda x: 0 <= x <= 1)
_AMOUNT = _one((int, float), "a finite number of at least 0", lambda x: 0 <= x < math.inf)
_NUMBER = _one((int, float), "a number", lambda x: isinstance(x, float) or abs(x) < 2**63)
_SHA256 = _one(str, "64 hexadecimal digits", lambda text: re.fullmatch("[0-9a-f]{64}", text) is not None)
_LAYER: dict[str, Check] = {
    "name": _TEXT,
    "neurons": _COUNT,
    "rate": _SHARE,
    "dead": _COUNT,
    "saturated": _COUNT,
    "synops": _AMOUNT,
    "macs": _AMOUNT,
    "dense": _AMOUNT,
    "rates": _each(_SHARE),
}
_RUN = _fields(
    {
        "task": _TEXT,
        "title": _TEXT,
        "command": _TEXT,
        "test_accuracy": _SHARE,
        "train_accuracy": _SHARE,
        "test_silent": _SHARE,
        "samples": _fields({"train": _COUNT, "test": _COUNT}),
        "seconds": _fields({"training": _AMOUNT, "all": _AMOUNT}),
        "settings": _named(_NUMBER),
        "versions": _named(_TEXT),
        "manifest": _fields(
            {
                "seed": _COUNT,
                "data_sha256": _SHA256,
                "threads": _one(int, f"a whole number from 1 to {THREADS}", lambda n: 1 <= n <= THREADS),
                "cpu": _TEXT,
                "platform": _TEXT,
                "kernels": _each(_TEXT),
                "weights_sha256": _SHA256,
            }
        ),
        "history": _fields({"loss": _each(_NUMBER), "accuracy": _each(_SHARE)}),
        "classes": _each(_TEXT),
        "confusion": _each(_each(_COUNT)),
        "layers": _each(_fields(_LAYER)),
        "report": _TEXT,
    }
)


def _check_settings(task: str, settings: Mapping[str, Any]) -> None:
    try:
        expected = settings_of(task)
    except ValueError as error:
        raise InvalidRun(f"task: {error}") from error
    _fields(dict.fromkeys(expected.__dataclass_fields__, _NUMBER))("settings", settings)
    try:
        expected(**settings)
    except (TypeError, ValueError) as error:
        raise InvalidRun(f"settings: {error}") from error


def _check_agreement(run: Mapping[str, Any]) -> None:
    confusion, test = run["confusion"], run["samples"]["test"]
    sizes = {len(run["classes"]), len(confusion), *map(len, confusion)}
    right = sum(row[i] for i, row in enumerate(confusion)) if len(sizes) == 1 else 0
    answered = sum(map(sum, confusion))
    pairs = {
        "the sizes of classes and confusion": (len(sizes), 1),
        "test_accuracy, by confusion and samples.test": (run["test_accuracy"] * test, right),
        "test_silent, by confusion and samples.test": (run["test_silent"] * test, test - answered),
        "manifest.seed, by settings.seed": (run["manifest"]["seed"], run["settings"]["seed"]),
        **{
            f"the length of history.{name}, by settings.epochs": (len(series), run["settings"]["epochs"])
            for name, series in run["history"].items()
        },
        **{
            f"the length of layers[{i}].rates, by its neurons": (len(layer["rates"]), layer["neurons"])
            for i, layer in enumerate(run["layers"])
        },
    }
    for what, (result, expected) in pairs.items():
        if not math.isclose(result, expected, abs_tol=1e-6):
            raise InvalidRun(
                f"{what}: {result:g} is not {expected:g}; pass the run.json that snn demo wrote, unchanged"
            )
