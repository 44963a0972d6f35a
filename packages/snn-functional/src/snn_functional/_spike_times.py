"""Spike times of neurons: the first spike or the first few of each, with a gradient for a time."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from snn_functional._steps import Steps

_COUNTERS = (torch.uint8, torch.int16, torch.int32, torch.int64)


def counter(number: int) -> torch.dtype:
    """Return the shortest dtype that counts up to a number; shorter counts take less memory."""
    return next(dtype for dtype in _COUNTERS if number <= torch.iinfo(dtype).max)


def first_spikes(spikes: Tensor, steps: Steps, count: int = 1) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the first spike of every neuron, then the second, and so on, as an index along T and a value ``[B, C]``.

    Where there is no spike, the index is that of the last step, and the value 0.
    """
    number = len(spikes)
    dtype = counter(number)
    countdown = torch.arange(number, 0, -1, dtype=dtype, device=spikes.device).reshape(-1, 1, 1)
    # the number of steps left at each spike: largest at the first, 0 without a spike
    left = spikes.detach().to(torch.bool, copy=True).view(torch.uint8)  # six times as fast as != 0
    left = left.mul_(countdown) if dtype == torch.uint8 else left * countdown
    for nth in range(count):
        most = left.amax(0).long()
        index = torch.where(most > 0, number - most, steps.last(most))
        yield index, spikes.gather(0, index.unsqueeze(0)).squeeze(0)
        if nth < count - 1:
            left = left.scatter(0, index.unsqueeze(0), 0)


def spike_times(spikes: Tensor, steps: Steps, count: int = 1) -> Tensor:
    r"""Return the times of the first spikes of every neuron, in steps.

    A missing spike counts as one in the last step. A spike comes earlier if the membrane is higher, and this is all
    that a gradient can express:

    .. math:: \frac{\partial L}{\partial S[t_k]} = -\frac{\partial L}{\partial t_k}

    and no other entry of the recording has a gradient. If more than one spike is missing, the last step gets the
    gradient of all of them.

    ``spikes[T, B, C]`` are floating, and 0 in steps that do not count; the F = ``count`` times are ``[F, B, C]``.

    Source: Bohte, Kok and La Poutre, Error-backpropagation in temporally encoded networks of spiking neurons (2002).
    """
    times = [
        steps.time(index).to(spikes.dtype) + (spike.detach() - spike)
        for index, spike in first_spikes(spikes, steps, count)
    ]
    return torch.stack(times)
