"""Who watches while a net runs one step, and is told of what its neurons do; in the thread of that step alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

import torch
from torch import nn

__all__ = ["Watch", "current", "watched"]

_CURRENT: ContextVar[Watch | None] = ContextVar("watch", default=None)


class Watch:
    """A watch over one step of a net, which changes nothing; subclasses record what they are told.

    Args:
        net: The net.
    """

    records: bool = False  # whether all steps may be run by this one, and what it gave thrown away
    asserted: bool = False  # whether the other steps will be run by this one although hooks see this one alone

    def __init__(self, net: nn.Module) -> None:
        self.paths: dict[nn.Module, str] = {module: path for path, module in net.named_modules()}

    def called(self, module: Any, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a call of a module that keeps something, and return what it returns."""
        return forward(module, *args, **kwargs)

    def touched(self, module: Any, how: str) -> None:
        """Take note that a caller reads, writes, resets or detaches what a module keeps."""

    def refused(self, why: str) -> None:
        """Take note that a net says itself why its steps must run one after the other."""

    def name(self, module: Any) -> str:
        """Return a module's path and class, as messages name them."""
        return f"{self.paths.get(module) or 'the net'!r} ({type(module).__name__})"

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Be told, as long as it lasts, of what happens in this thread."""
        token = _CURRENT.set(self)
        try:
            yield
        finally:
            _CURRENT.reset(token)


def current() -> Watch | None:
    """Return who watches this thread; None under a compiler, which runs nothing step by step."""
    return None if torch.compiler.is_compiling() else _CURRENT.get()


def watched(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Tell who watches of each call of a ``forward``.

    Args:
        forward: The ``forward`` of a module that keeps something.

    Returns:
        The same, told of.

    Example:
        >>> import snn_core as snn
        >>> class Counts(Watch):
        ...     calls = 0
        ...     def called(self, module, forward, args, kwargs):
        ...         self.calls += 1
        ...         return super().called(module, forward, args, kwargs)
        >>> net = nn.Sequential(snn.Leaky(beta=0.9, init_hidden=True))
        >>> watch = Counts(net)
        >>> with watch.watching():
        ...     _ = net(torch.ones(1, 2))
        >>> watch.calls
        1
    """

    @wraps(forward)
    def told(module: Any, *args: Any, **kwargs: Any) -> Any:
        watch = current()
        if watch is None:
            return forward(module, *args, **kwargs)
        return watch.called(module, forward, args, kwargs)

    return told
