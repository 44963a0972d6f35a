"""The turns of threads at modules with a state, and the states that modules keep during a turn."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch

from snn_core.neuron.temporal import Temporal

States = dict[Temporal, Any]
"""The state of each module; None at rest."""


def kept_by(modules: Iterable[Temporal]) -> States:
    """Return the states that modules keep.

    Raises:
        RuntimeError: If a backward pass, export or trace would read a state that was computed outside of it.
    """
    with in_turn(modules):
        return {module: module._recall() for module in modules}


def keep(states: States) -> None:
    """Let modules keep states."""
    with in_turn(states):
        for module, kept in states.items():
            module._keep(kept)


@dataclass(slots=True, eq=False)
class _Turn:
    """The lock of a module, which lets one thread at a time run it."""

    lock: Any = field(default_factory=threading.RLock)
    thread: int | None = None  # the thread that runs a whole sequence through it


_TURNS: weakref.WeakKeyDictionary[Any, _Turn] = weakref.WeakKeyDictionary()


def _turns(modules: Iterable[Any]) -> list[_Turn]:
    """Return the turns of modules, always in the same order, so that no two threads wait for each other."""
    return [_TURNS.get(m) or _TURNS.setdefault(m, _Turn()) for m in sorted(modules, key=id)]


def in_turn(modules: Iterable[Any]) -> AbstractContextManager[None]:
    """Wait until no other thread runs one of these modules, and keep other threads out meanwhile."""
    return nullcontext() if torch.compiler.is_compiling() else _Taken(_turns(modules))


class _Taken(AbstractContextManager[Any]):
    """A block in which this thread has turns."""

    def __init__(self, turns: list[_Turn]) -> None:
        self._turns = turns

    def __enter__(self) -> Any:
        taken = []
        try:
            for turn in self._turns:
                turn.lock.acquire()
                taken.append(turn)
        except BaseException:  # such as an interrupt while it waits
            self._turns = taken
            _Taken.__exit__(self)
            raise

    def __exit__(self, *_: object) -> None:
        for turn in reversed(self._turns):
            turn.lock.release()


class Holding(_Taken):
    """A block in which modules keep other states, and which no other thread enters meanwhile.

    Afterward, they keep what they kept before. The block gets a dict that contains the states at its end when it is
    over; it stays empty if the block raises an error.
    """

    def __init__(self, states: States) -> None:
        super().__init__([] if torch.compiler.is_compiling() else _turns(states))
        self._states = states
        self._after: States = {}

    def __enter__(self) -> States:
        super().__enter__()
        self._before = [(module, module._kept, module._kept_in) for module in self._states]
        for module, kept in self._states.items():
            module._keep(kept)
        return self._after

    def __exit__(self, *error: object) -> None:
        for module, kept, kept_in in self._before:
            if error[0] is None:
                self._after[module] = module._kept
            object.__setattr__(module, "_kept", kept)
            object.__setattr__(module, "_kept_in", kept_in)
        super().__exit__(*error)


@contextmanager
def alone(modules: Iterable[Any], net: Any) -> Iterator[None]:
    """Refuse other threads a sequence through modules within a block.

    Raises:
        RuntimeError: If another thread is running a sequence through one of them.
    """
    if torch.compiler.is_compiling():
        yield
        return
    turns, me = _turns(modules), threading.get_ident()
    if any(turn.thread not in (None, me) for turn in turns):
        raise RuntimeError(
            f"unroll: another thread is unrolling this {type(net).__name__}, or one that shares a neuron with it, and "
            "a neuron keeps only one state; give each thread its own copy (copy.deepcopy), or use snn.stream"
        )
    entered = [turn for turn in turns if turn.thread is None]
    for turn in entered:
        turn.thread = me
    try:
        yield
    finally:
        for turn in entered:
            turn.thread = None
