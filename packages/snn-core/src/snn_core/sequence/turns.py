"""Threads that run the same neurons take turns, as a neuron keeps one state at a time."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

__all__ = ["alone", "in_turn"]

_LOCKS: weakref.WeakKeyDictionary[Any, threading.RLock] = weakref.WeakKeyDictionary()
_UNROLLED_BY: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()


@contextmanager
def in_turn(modules: Iterable[Any]) -> Iterator[None]:
    """Wait until no other thread runs one of these modules, and let none run one meanwhile.

    Args:
        modules: Modules that keep something.

    Example:
        >>> import snn_core as snn
        >>> with in_turn([snn.Leaky(beta=0.9)]):
        ...     pass
    """
    if torch.compiler.is_compiling():
        yield
        return
    locks = [_LOCKS.setdefault(module, threading.RLock()) for module in sorted(modules, key=id)]  # always in one order
    with ExitStack() as stack:
        for lock in locks:
            stack.enter_context(lock)
        yield


@contextmanager
def alone(modules: Iterable[Any], net: Any) -> Iterator[None]:
    """The same for a whole sequence, of which no two threads may run one through the same modules.

    Args:
        modules: Modules that keep something.
        net: The net that they are of.

    Raises:
        RuntimeError: If another thread is running a sequence through one of them.
    """
    if torch.compiler.is_compiling():
        yield
        return
    modules, me = list(modules), threading.get_ident()
    if any(_UNROLLED_BY.get(module, me) != me for module in modules):
        raise RuntimeError(
            f"unroll: another thread is unrolling this {type(net).__name__}, or one that shares a neuron with it, and "
            "a neuron keeps one state; give each thread a copy of its own (copy.deepcopy), or use snn.stream"
        )
    entered = [module for module in modules if module not in _UNROLLED_BY]
    with in_turn(modules):
        for module in entered:
            _UNROLLED_BY[module] = me
        try:
            yield
        finally:
            for module in entered:
                _UNROLLED_BY.pop(module, None)
