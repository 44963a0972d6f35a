"""The watch over a running net, which is notified of what its neurons do; it belongs to the thread of that run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from torch import Tensor, nn

from snn_core.graph.folding import Folding
from snn_core.graph.steps import Step
from snn_core.neuron.temporal import WATCH


class Watch:
    """A watch over one step of a net, or over a run, which changes nothing; subclasses record the calls."""

    records: bool = False  # True if the record of this step may run all steps, and its outputs may be discarded
    asserted: bool = False  # True if the other steps will run like this one although hooks see only this one
    of_run: bool = False  # True if it watches a whole run, including calls in a step that another watches
    hooks: tuple[Callable[..., Any], ...] = ()  # hooks that accept all steps at once as well as one

    def __init__(self, net: nn.Module) -> None:
        self.paths: dict[nn.Module, str] = {module: path for path, module in net.named_modules()}
        self._around: Watch | None = None
        self._times: Counter[nn.Module] = Counter()
        self._rested: set[nn.Module] = set()  # modules that the step itself starts from rest

    def called(self, module: Any, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a call of a module with a state, and return its result."""
        self._count_call(module, (*args[1:], *kwargs.values()))
        if self._around is not None:
            return self._around.called(module, forward, args, kwargs)
        return forward(module, *args, **kwargs)

    def ran(self, module: nn.Module, step: Step, args: list[Any], out: Any, folding: Folding) -> None:
        """Receive the arguments and results of a plan's call to a module or with its parameters: rows of many steps."""

    def touched(self, module: Any, how: str) -> None:
        """Receive notice that a caller reads, writes, resets or detaches a module's state."""
        if how == "resets":
            self._rested.add(module)

    def refused(self, why: str) -> None:
        """Receive the reason why the steps of a net must run one after another."""

    def _count_call(self, module: nn.Module, states: tuple[Any, ...]) -> None:
        """Count a call of a module, which gets the states that are passed to it."""
        if states and not self._times[module] and all(s is None or getattr(s, "shape", s) == (0,) for s in states):
            self._rested.add(module)
        self._times[module] += 1

    def must_be_one_step(self, x: Tensor) -> None:
        """Refuse a step with input ``x`` in which the net runs through a time of its own.

        Raises:
            ValueError: If a neuron ran several times, once for each sample or beginning at rest.
        """
        for module, count in self._times.items():
            if count >= _OF_A_LOOP and (module in self._rested or count == x.shape[0]):
                raise ValueError(
                    f"unroll: {self.name(module)} ran {count} times in one step: forward has its own loop over time. "
                    "Call net(xs), or write forward for one step (docs/write-per-step-run-fused.md); if it is meant "
                    "to loop within each step, pass schedule='steps'"
                )

    def name(self, module: Any) -> str:
        """Return a module's path and class, as they appear in messages."""
        return f"{self.paths.get(module) or 'the net'!r} ({type(module).__name__})"

    def watching(self) -> AbstractContextManager[None]:
        """Watch this thread within a block."""
        return _watching(self)

    @staticmethod
    def pausing() -> AbstractContextManager[None]:
        """Stop watching within a block."""
        return _watching(None)


_OF_A_LOOP = 3  # a neuron that is called less often in a step is shared by places in the net


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
