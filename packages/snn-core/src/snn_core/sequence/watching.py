"""Who watches while a net runs one step, and is told of what its neurons do; in the thread of that step alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from torch import nn

from snn_core.neuron.temporal import WATCH


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

    def watching(self) -> AbstractContextManager[None]:
        """Be told, as long as it lasts, of what happens in this thread."""
        return _watching(self)

    def pausing(self) -> AbstractContextManager[None]:
        """Be told of nothing, as long as it lasts."""
        return _watching(None)


@contextmanager
def _watching(watch: Watch | None) -> Iterator[None]:
    token = WATCH.set(watch)
    try:
        yield
    finally:
        WATCH.reset(token)
