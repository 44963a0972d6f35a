"""The program that reproduces the result of a run with only public names of ``snn``."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from snn.demo.settings import text_of

__all__ = ["program"]


def program(task: str, settings: Any, threads: int = 1) -> str:
    r"""Return the program of a task, with the numbers of a run in place of its own.

    Returns:
        Python that trains the network and tests it as :func:`~snn.demo.run.run` does: with the same weights and
        accuracies.
    """
    text = text_of(task)
    numbers: dict[str, Any] = {**asdict(settings), "threads": threads}
    for name, value in numbers.items():
        text, count = re.subn(rf"^{name.upper()} = \S+", f"{name.upper()} = {value!r}", text, flags=re.MULTILINE)
        assert count == 1, f"the program of {task} has {count} constants {name.upper()}"
    return text
