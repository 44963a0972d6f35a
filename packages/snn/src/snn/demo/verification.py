"""The check that a recorded run gives the same numbers again, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from snn.demo.manifest import environment
from snn.demo.pieces import require_pieces
from snn.demo.run import trained, versions_of
from snn.demo.settings import settings_of
from snn.demo.task import Task
from snn.threads import computing_on

__all__ = ["Verification", "differences", "verify"]

COMPARED = ("history", "test_accuracy", "train_accuracy", "test_silent", "confusion", "layers")
ENVIRONMENT = ("data_sha256", "cpu", "platform", "kernels")


class Verification(NamedTuple):
    """The differences of the environment, and of the numbers, one line each.

    In the same environment, equal numbers are guaranteed; otherwise they may differ.
    """

    environment: list[str]
    numbers: list[str]


def verify(run: Mapping[str, Any], say: Callable[[list[str]], None] = lambda _: None) -> Verification:
    """Repeat a run with its settings and its number of threads, and compare."""
    require_pieces(run["task"])
    task = Task(run["task"], settings_of(run["task"])(**run["settings"]))
    parts = task.load()
    with computing_on(run["manifest"]["threads"]):
        here = environment(task, parts)
        there = {name: run["manifest"][name] for name in ENVIRONMENT}
        changed = list(differences("", there, {name: here[name] for name in ENVIRONMENT}))
        # the platform is in both
        recorded, installed = ({**versions, "platform": ""} for versions in (run["versions"], versions_of(task)))
        changed += differences("versions", recorded, installed)
        say(changed)
        again, _ = trained(task, parts)
    numbers = [line for name in COMPARED for line in differences(name, run[name], again[name])]
    weights = (record["manifest"]["weights_sha256"] for record in (run, again))
    return Verification(changed, numbers + list(differences("weights_sha256", *weights)))


def differences(where: str, recorded: Any, result: Any) -> Iterator[str]:
    """List the differences of two values, each made of objects, lists, strings and numbers.

    Example:
        >>> list(differences("history", {"loss": [0.5, 0.25, 0.1]}, {"loss": [0.5, 0.2, 0.0]}))
        ['history.loss: 2 of 3 differ, first [1]: recorded 0.25, now 0.2']
    """
    if isinstance(recorded, dict) and isinstance(result, dict):
        for name in recorded | result:
            yield from differences(f"{where}.{name}".removeprefix("."), recorded.get(name), result.get(name))
    elif isinstance(recorded, list) and isinstance(result, list) and len(recorded) == len(result):
        if all(isinstance(item, int | float) for item in recorded):
            apart = [i for i, pair in enumerate(zip(recorded, result, strict=True)) if not _same(*pair)]
            if apart:
                i = apart[0]
                yield (
                    f"{where}: {len(apart)} of {len(result)} differ, first [{i}]: recorded {recorded[i]!r}, "
                    f"now {result[i]!r}"
                )
        else:
            for i, pair in enumerate(zip(recorded, result, strict=True)):
                yield from differences(f"{where}[{i}]", *pair)
    elif not _same(recorded, result):
        yield f"{where}: recorded {recorded!r}, now {result!r}"


def _same(recorded: Any, result: Any) -> bool:
    return recorded == result or (recorded != recorded and result != result)  # NaN is the same as NaN
