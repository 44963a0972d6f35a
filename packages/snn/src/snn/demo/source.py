"""The program that reproduces the result of a run with only public names of ``snn``."""

from __future__ import annotations

import re
from dataclasses import asdict
from importlib import resources
from typing import Any

from snn.demo.settings import Settings

__all__ = ["program"]


def program(task: str, settings: Settings, threads: int = 1) -> str:
    r"""Return the program of a task, with the numbers of a run in place of its own.

    Returns:
        Python that trains the network and tests it as :func:`~snn.demo.run.run` does: with the same weights and
        accuracies.
    """
    text = resources.files("snn.demo.programs").joinpath(f"{task}.py").read_text(encoding="utf-8")
    numbers: dict[str, Any] = {**asdict(settings), "threads": threads}
    for name, value in numbers.items():
        text, count = re.subn(rf"^{name.upper()} = .*$", f"{name.upper()} = {value!r}", text, flags=re.MULTILINE)
        assert count == 1, f"the program of {task} has {count} constants {name.upper()}"
    return text
