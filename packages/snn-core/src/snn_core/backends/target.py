"""What a target is: something that takes a whole net and runs it elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import nn

from snn_core.backends.issue import Issue

API = 1  # version of the interface below; a target of another version is refused


class BackendError(RuntimeError):
    """A target cannot be used: it is broken, unavailable, or refuses the net."""


@dataclass(frozen=True)
class Availability:
    """Whether a target can run here, and why or why not.

    Args:
        ok: Whether it can.
        reason: What it runs on, or what is missing and how to get it.
    """

    ok: bool
    reason: str


@runtime_checkable
class Target(Protocol):
    """A backend that takes a whole net.

    It is registered as an object, or a class without arguments, under the entry point group ``snn.backends``.
    """

    api: int

    def availability(self) -> Availability:
        """Say whether the target can run here; never raise."""
        ...

    def check(self, net: nn.Module, *example: Any) -> list[Issue]:
        """List what stands in the way of compiling a net for an example ``xs[T, batch, ...]``; leave it as it is."""
        ...

    def compile(self, net: nn.Module, *example: Any, **options: Any) -> Callable[..., Any]:
        """Return a function of ``xs[T, batch, ...]`` that gives what ``unroll(net, xs)`` gives."""
        ...
