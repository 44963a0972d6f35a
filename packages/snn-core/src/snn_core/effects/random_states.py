"""A check of whether code drew random numbers from the generators of the process."""

from __future__ import annotations

import ctypes
import random
import sys
from typing import Any

import torch


class RandomStates:
    """The states of torch's, Python's and, if they are in use, CUDA's and NumPy's global generators.

    Example:
        >>> before = RandomStates()
        >>> number = random.random()
        >>> before.moved()
        True
        >>> before.restore()
        >>> before.moved(), random.random() == number
        (False, True)

        A block restores them at its end:

        >>> with RandomStates():
        ...     number = random.random()
        >>> random.random() == number
        True
    """

    def __init__(self) -> None:
        self._torch = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
        self._python = random.getstate()
        self._numpy = _numpy_state()

    def moved(self) -> bool:
        """Return True if a number has been drawn since the states were read."""
        return not self.are(RandomStates())

    def are(self, others: RandomStates) -> bool:
        """Return True if other states are the same."""
        tensors = zip([self._torch, *self._cuda], [others._torch, *others._cuda], strict=False)
        return all(same_state(a, b) for a, b in tensors) and (self._python, self._numpy) == (
            others._python,
            others._numpy,
        )

    def restore(self) -> None:
        """Reset the generators, as if nothing had been drawn."""
        torch.set_rng_state(self._torch)
        if self._cuda:
            torch.cuda.set_rng_state_all(self._cuda)
        random.setstate(self._python)
        if self._numpy is not None:
            numpy, state = sys.modules["numpy"], self._numpy["state"]
            key = numpy.frombuffer(state["key"], numpy.uint32)
            numpy.random.set_state({**self._numpy, "state": {**state, "key": key}})

    def __enter__(self) -> RandomStates:
        return self

    def __exit__(self, *failure: object) -> None:
        if self.moved():
            self.restore()


def same_state(state: torch.Tensor, other: torch.Tensor) -> bool:
    """Return True if two states of a generator are equal, without an operation, which modes of torch would see."""
    first, second = (ctypes.string_at(s.data_ptr(), s.nbytes) for s in (state, other))
    return first == second


def _numpy_state() -> Any:
    generator = sys.modules.get("numpy.random")  # which NumPy itself imports only when it is used
    if generator is None:
        return None
    state = generator.get_state(legacy=False)
    # bytes can be compared as a whole, arrays cannot
    state["state"]["key"] = state["state"]["key"].tobytes()
    return state
