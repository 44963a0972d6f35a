"""A target that runs on this very machine: the smallest possible target, to learn from and to test against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from snn_core.backends.target import API, Availability, BackendError, Issue
from snn_core.effects.copies import copied
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neuron.whole_sequence import WholeSequence
from snn_core.sequence.unrolling import unroll


class Loopback:
    """A target that runs a copy of the net in this process.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> xs = torch.rand(5, 1, 3)
        >>> run = Loopback().compile(net, xs)
        >>> run(xs).equal(unroll(net, xs))
        True
    """

    api = API

    def availability(self) -> Availability:
        """Return an availability whose ``ok`` is always True."""
        return Availability(True, "runs in this process")

    def check(self, net: nn.Module, *example: Any) -> list[Issue]:
        """List the neurons that :func:`~snn_core.unroll` would refuse, because they do not keep their state."""
        return [
            Issue("LOOP001", path, f"{type(m).__name__} has init_hidden=False", "build it with init_hidden=True")
            for path, m in net.named_modules()
            if isinstance(m, SpikingNeuron) and not isinstance(m, WholeSequence) and not m.init_hidden
        ]

    def compile(self, net: nn.Module, *example: Any, **options: Any) -> Callable[..., Any]:
        """Return a function of ``xs[T, batch, ...]``.

        Raises:
            BackendError: If :meth:`check` finds an issue.
            TypeError: If an option is passed; this target has none.
            ValueError: If the net cannot be copied.
        """
        if options:
            raise TypeError(f"loopback takes no options, got {', '.join(options)}")
        if issues := self.check(net, *example):
            first = issues[0]
            raise BackendError(f"loopback cannot compile the net: {first.where!r}: {first.message}; {first.remedy}")
        own = copied(net)
        return lambda xs: unroll(own, xs)
