"""Obstacles between a net and an IPU, with one code for each rule."""

from __future__ import annotations

from dataclasses import dataclass

from snn_core.backends import Issue
from snn_core.results import Line

__all__ = ["Found", "IpuIssue"]


@dataclass(frozen=True, repr=False)
class IpuIssue(Issue):
    """One property of a net that an IPU does not support.

    Args:
        code: ``"IPU001"`` to ``"IPU010"``.
        where: Path of the module in the net, ``""`` for the net itself.
        message: The problem.
        remedy: The action that fixes it.
        line: The line of the user's code as ``"file:number"``, ``""`` if there is none.

    Example:
        >>> print(IpuIssue("IPU001", "fc", "item() reads a value", "use torch.where", "net.py:7"))
        IPU001 in 'fc', net.py:7: item() reads a value; use torch.where
    """

    line: str = ""

    def _lines(self) -> list[Line]:
        place = ", ".join(part for part in (repr(self.where) if self.where else "", self.line) if part)
        return [f"{self.code}{f' in {place}' if place else ''}: {self.message}; {self.remedy}"]


class Found(Exception):
    """Error for a net that cannot be lowered; ``issue`` says why."""

    def __init__(self, code: str, where: str, message: str, remedy: str, line: str = "") -> None:
        self.issue: IpuIssue = IpuIssue(code, where, message, remedy, line)
        super().__init__(str(self.issue))
