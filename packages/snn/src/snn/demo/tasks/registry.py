"""The list of tasks; nothing is imported before a task is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snn.demo.settings import DigitsSettings, MnistSettings, Settings, VowelsSettings

if TYPE_CHECKING:
    from snn.demo.tasks.task import Task

__all__ = ["TASKS", "settings_of", "task_of"]

TASKS: dict[str, type[Settings]] = {"digits": DigitsSettings, "mnist": MnistSettings, "vowels": VowelsSettings}


def settings_of(name: str) -> type[Settings]:
    """Return the class of a task's settings."""
    if name not in TASKS:
        raise ValueError(f"there is no task {name!r}; choose one of {', '.join(TASKS)}")
    return TASKS[name]


def task_of(name: str, settings: Settings) -> Task[Any]:
    """Return a task with its settings."""
    expected = settings_of(name)
    if not isinstance(settings, expected):
        raise TypeError(f"the task {name!r} takes {expected.__name__}, got {type(settings).__name__}")
    from snn.demo.tasks.images import Digits, Mnist
    from snn.demo.tasks.vowels import Vowels

    tasks: dict[str, type[Task[Any]]] = {task.name: task for task in (Digits, Mnist, Vowels)}
    return tasks[name](settings)
