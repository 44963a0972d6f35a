"""Targets, which take a whole net and run it elsewhere, and the issues that they find in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from torch import nn

from snn_core.results import Line, Result

SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True, repr=False)
class Issue(Result):
    """A problem in a net or a graph, or something that may be one.

    Targets report what they cannot run as issues, and so do ``snn.diagnose`` and ``snn.nir.check``.

    Args:
        code: A stable identifier of the kind of issue: ``"IPU001"``, ``"silent_layer"``.
        where: Path of the module in the net or of the node in the graph, ``""`` for the whole.
        message: The problem.
        remedy: A way to solve it.
        severity: ``"error"`` if the net or graph cannot be used, ``"warning"`` if there is probably a fault, ``"info"``
            if it may be intended.

    Raises:
        TypeError: If an argument is not a string.
        ValueError: If ``severity`` is not one of the three.

    Example:
        >>> print(Issue("LOOP001", "1", "Leaky has init_hidden=False", "build it with init_hidden=True"))
        LOOP001 in '1': Leaky has init_hidden=False; build it with init_hidden=True
    """

    code: str
    where: str
    message: str
    remedy: str
    severity: str = field(default="error", kw_only=True)

    def __post_init__(self) -> None:
        for name in ("code", "where", "message", "remedy", "severity"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name} is {getattr(self, name)!r}; pass a str")
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity is {self.severity!r}; pass one of {', '.join(SEVERITIES)}")

    def _lines(self) -> list[Line]:
        return [f"{self.code}{f' in {self.where!r}' if self.where else ''}: {self.message}; {self.remedy}"]


API = 1  # version of the interface below; a target of another version is refused


class BackendError(RuntimeError):
    """Error raised for a target that cannot be used: it is broken, unavailable, or refuses the net."""


@dataclass(frozen=True, repr=False)
class Availability(Result):
    """A target's answer to the question of whether it can run here, with the reason.

    Args:
        ok: True if it can.
        reason: The device it runs on, or the missing piece and how to get it.
    """

    ok: bool
    reason: str


@runtime_checkable
class Target(Protocol):
    """A backend that takes a whole net.

    It is registered under the entry point group ``snn.backends``, as an object or as a class that takes no arguments.
    """

    api: int

    def availability(self) -> Availability:
        """Return the availability of the target here; never raise."""

    def check(self, net: nn.Module, *example: Any) -> list[Issue]:
        """List the obstacles to compiling a net for an example ``xs[T, batch, ...]``, without changing the net."""

    def compile(self, net: nn.Module, *example: Any, **options: Any) -> Callable[..., Any]:
        """Return a function of ``xs[T, batch, ...]`` that gives what ``unroll(net, xs)`` gives."""
