"""The file ``run.json``, and the check that a run wrote it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from snn.demo.settings import settings_of

__all__ = ["THREADS", "InvalidRun", "read_run"]

THREADS = 1024  # more than any machine has cores; the stacks of many more would take all memory


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
    _check("", content, _RUN)
    _check_settings(content["task"], content["settings"])
    _check_agreement(content)
    return content


class _Value(NamedTuple):
    """The values that a field may have: their types, a description, and a condition."""

    kinds: tuple[type, ...]
    description: str
    holds: Callable[[Any], bool] = lambda _: True


def _check(where: str, value: Any, rule: Any) -> None:
    """Check a value by a rule: for itself, for each item of a list (in a list), or for each field of an object."""
    if isinstance(rule, _Value):
        if not isinstance(value, rule.kinds) or isinstance(value, bool) or not rule.holds(value):
            raise InvalidRun(f"{where} is {value!r:.60}; a run writes {rule.description}")
        return
    if not isinstance(value, type(rule)):
        kind = "a list" if isinstance(rule, list) else "an object"
        raise InvalidRun(f"{where or 'the run'} is {value!r:.60}; a run writes {kind}")
    if isinstance(rule, list):
        for i, item in enumerate(value):
            _check(f"{where}[{i}]", item, rule[0])
    elif str in rule:  # one rule for all fields, whatever their names
        for name, item in value.items():
            _check(f"{where}[{name!r}]", item, rule[str])
    else:
        _check_names(where or "the run", value, rule)
        for name, item in rule.items():
            _check(f"{where}.{name}".removeprefix("."), value[name], item)


def _check_names(owner: str, there: Collection[str], expected: Collection[str]) -> None:
    for name in expected:
        if name not in there:
            raise InvalidRun(f"{owner} has no field {name!r}; pass the run.json that snn demo wrote, unchanged")
    for name in there:
        if name not in expected:
            raise InvalidRun(f"{owner} has a field {name!r} that no run writes; leave it out")


_TEXT = _Value((str,), "a string")
_COUNT = _Value((int,), "a whole number of at least 0, below 2**63", lambda n: 0 <= n < 2**63)
_THREADS = _Value((int,), f"a whole number from 1 to {THREADS}", lambda n: 1 <= n <= THREADS)
_SHARE = _Value((int, float), "a number in [0, 1]", lambda x: 0 <= x <= 1)
_AMOUNT = _Value((int, float), "a finite number of at least 0", lambda x: 0 <= x < math.inf)
_NUMBER = _Value((int, float), "a number", lambda x: isinstance(x, float) or abs(x) < 2**63)
_SHA256 = _Value((str,), "64 hexadecimal digits", lambda text: re.fullmatch("[0-9a-f]{64}", text) is not None)
_RUN = {
    **dict.fromkeys(("task", "title", "command", "report"), _TEXT),
    **dict.fromkeys(("test_accuracy", "train_accuracy", "test_silent"), _SHARE),
    "samples": {"train": _COUNT, "test": _COUNT},
    "seconds": {"training": _AMOUNT, "all": _AMOUNT},
    "settings": {str: _NUMBER},
    "versions": {str: _TEXT},
    "manifest": {
        "seed": _COUNT,
        "threads": _THREADS,
        "kernels": [_TEXT],
        **dict.fromkeys(("cpu", "platform"), _TEXT),
        **dict.fromkeys(("data_sha256", "weights_sha256"), _SHA256),
    },
    "history": {"loss": [_NUMBER], "accuracy": [_SHARE]},
    "classes": [_TEXT],
    "confusion": [[_COUNT]],
    "layers": [
        {
            "name": _TEXT,
            "rate": _SHARE,
            "rates": [_SHARE],
            **dict.fromkeys(("neurons", "dead", "saturated"), _COUNT),
            **dict.fromkeys(("synops", "macs", "dense"), _AMOUNT),
        }
    ],
}


def _check_settings(task: str, settings: Mapping[str, Any]) -> None:
    try:
        expected = settings_of(task)
    except ValueError as error:
        raise InvalidRun(f"task: {error}") from error
    _check_names("settings", settings, expected.__dataclass_fields__)
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
        "the sizes of classes and confusion do not agree (number of sizes)": (len(sizes), 1),
        "test_accuracy does not fit confusion and samples.test": (run["test_accuracy"] * test, right),
        "test_silent does not fit confusion and samples.test": (run["test_silent"] * test, test - answered),
        "manifest.seed does not fit settings.seed": (run["manifest"]["seed"], run["settings"]["seed"]),
        **{
            f"the length of history.{name} does not fit settings.epochs": (len(series), run["settings"]["epochs"])
            for name, series in run["history"].items()
        },
        **{
            f"the length of layers[{i}].rates does not fit its neurons": (len(layer["rates"]), layer["neurons"])
            for i, layer in enumerate(run["layers"])
        },
    }
    for what, (result, expected) in pairs.items():
        if not math.isclose(result, expected, abs_tol=1e-6):
            raise InvalidRun(
                f"{what}: {result:g} instead of {expected:g}; pass the run.json that snn demo wrote, unchanged"
            )
