"""The number of samples in a step, as a number that reports its use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Rows(int):
    """A number of samples that reports when the code computes with it."""

    report: Callable[[], None]
    used: bool = False  # True after its use in the shape of a tensor with one row per sample, its only harmless use

    def __new__(cls, value: int, report: Callable[[], None]) -> Rows:
        rows = super().__new__(cls, value)
        rows.report = report
        return rows


def _reporting(name: str) -> Callable[..., Any]:
    def method(self: Rows, *args: Any) -> Any:
        self.report()
        return getattr(int(int.__int__(self)), name)(*args)

    return method


# these do not report: code written in C reads the number without calling them
_UNSEEN = "__new__ __repr__ __getattribute__ __getnewargs__ __format__ __sizeof__ __index__ __doc__".split()
for _name in {name for name in vars(int) if name.startswith("__")}.difference(_UNSEEN):
    setattr(Rows, _name, _reporting(_name))
