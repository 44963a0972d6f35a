"""Who watches while a net runs, and is told of what its neurons do; in the thread of that run alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from torch import nn

from snn_core.neuron.temporal import WATCH

if TYPE_CHECKING:
    from snn_core.sequence.folding import Folding
    from snn_core.sequence.plan import Step


class Watch:
    """A watch over one step of a net, or a run, which changes nothing; subclasses record what they are told.

    Args:
        net: The net.
    """

    records: bool = False  # whether all steps may be run by this one, and what it gave thrown away
    asserted: bool = False  # whether the other steps will be run by this one although hooks see this one alone
    of_run: bool = False  # whether it watches a whole run, and is told of calls in a step that another watches too
    hooks: tuple[Callable[..., Any], ...] = ()  # which take all steps at once as well as one

    def __init__(self, net: nn.Module) -> None:
        self.paths: dict[nn.Module, str] = {module: path for path, module in net.named_modules()}
        self._around: Watch | None = None

    def called(self, module: Any, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a call of a module that keeps something, and return what it returns."""
        if self._around is not None:
            return self._around.called(module, forward, args, kwargs)
        return forward(module, *args, **kwargs)

    def ran(self, module: nn.Module, step: Step, args: list[Any], out: Any, folding: Folding) -> None:
        """Take what a call of a plan, of a module or with its parameters, was given and gave: rows of many steps."""

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
    if watch is not None:
        around = WATCH.get()
        watch._around = around if around is not None and around.of_run else None
    token = WATCH.set(watch)
    try:
        yield
    finally:
        WATCH.reset(token)
