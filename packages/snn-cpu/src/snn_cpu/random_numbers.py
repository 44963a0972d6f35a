"""Random numbers that are those of torch's generator, drawn many at a time."""

from __future__ import annotations

import functools
import threading

import torch
from torch import Tensor

__all__ = ["Draws"]


class Draws:
    """An implementation of ``Tensor.bernoulli_`` that draws torch's own numbers and leaves its generator as torch does.

    Torch draws one number after another; renewing and scaling the words of the generator many at a time takes a tenth
    of the time.
    """

    name = "snn-cpu"
    device = "cpu"

    def takes(self, out: Tensor) -> bool:
        """Return True for contiguous tensors in float32 or float64, if torch draws as this does."""
        return out.dtype in (torch.float32, torch.float64) and out.is_contiguous() and draws_as_torch()

    def bernoulli_(self, out: Tensor, p: float) -> None:
        """Set each value to one with probability ``p``, and to zero otherwise."""
        with _TURN:  # two threads would draw the same numbers
            state = torch.get_rng_state()
            torch.ops.snn_cpu.bernoulli_(state, out, p)
            torch.set_rng_state(state)


_TURN = threading.Lock()


@functools.cache
def draws_as_torch() -> bool:
    """Return True if this version of torch draws the same numbers, and leaves the same state of the generator."""
    generator = torch.Generator().manual_seed(2**35 + 7)
    for size in (1, 700, 311):  # more than once through all words of the generator
        state = generator.get_state()
        out = torch.empty(size, dtype=torch.float64)
        torch.ops.snn_cpu.bernoulli_(state, out, 0.3)
        expected = torch.empty_like(out).bernoulli_(0.3, generator=generator)
        if not (torch.equal(out, expected) and torch.equal(state, generator.get_state())):
            return False
    return True
