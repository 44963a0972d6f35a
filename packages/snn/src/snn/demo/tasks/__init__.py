"""The tasks of the demonstration, by the name that the command takes."""

from snn.demo.tasks.registry import TASKS, settings_of, task_of

__all__ = ["TASKS", "settings_of", "task_of"]
