"""All numbers on which a run of the demonstration depends: the constants of its program."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass, fields, make_dataclass
from importlib import resources
from typing import Any

__all__ = ["TASKS", "Settings", "settings_of", "text_of"]

TASKS = ("digits", "mnist", "vowels")


@dataclass(frozen=True)
class Settings:
    """The base of the settings of every task.

    The settings of each task were chosen on validation parts cut from its training part; the test part played no role.

    Raises:
        TypeError: If a setting is of another type than its default.
        ValueError: If a seed is negative, another whole number is below 1, or a number is negative or not finite.
    """

    def __post_init__(self) -> None:
        for field in fields(self):
            value: Any = getattr(self, field.name)
            kind: type[Any] = type(field.default)
            if type(value) is not kind:
                raise TypeError(f"the setting {field.name} is {value!r}; pass one of type {kind.__name__}")
            least = 1 if kind is int and not field.name.endswith("seed") else 0
            if not least <= value < math.inf:
                raise ValueError(f"the setting {field.name} is {value!r}; pass a finite number of at least {least}")


def settings_of(task: str) -> type[Any]:
    """Return the class of a task's settings: a frozen dataclass whose defaults are the program's own numbers."""
    if task not in TASKS:
        raise ValueError(f"there is no task {task!r}; choose one of {', '.join(TASKS)}")
    return _SETTINGS[task]


def _class(task: str) -> type[Any]:
    numbers = {
        ast.unparse(node.targets[0]).lower(): ast.literal_eval(node.value)
        for node in ast.parse(text_of(task)).body
        if isinstance(node, ast.Assign)
    }
    of_run = [(name, type(value), value) for name, value in numbers.items() if name != "threads"]
    return make_dataclass(f"{task.capitalize()}Settings", of_run, bases=(Settings,), frozen=True)


def text_of(task: str) -> str:
    """Return the program of a task."""
    return resources.files("snn.demo.programs").joinpath(f"{task}.py").read_text(encoding="utf-8")


_SETTINGS = {task: _class(task) for task in TASKS}
