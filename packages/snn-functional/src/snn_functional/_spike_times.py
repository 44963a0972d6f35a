"""When neurons fire: the first spike or the first few of each, with a gradient for a time."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_functional._steps import Steps


def spike_times(spikes: Tensor, steps: Steps, count: int = 1) -> Tensor:
    r"""The times of the first spikes of every neuron, in steps.

    A spike that does not come counts as one in the last step. An earlier spike is one of a higher membrane, which is
    all that a gradient can say:

    .. math:: \frac{\partial L}{\partial S[t_k]} = -\frac{\partial L}{\partial t_k}

    and no other entry of the recording has a gradient. Where more than one spike is missing, the last step has that of
    all of them.

    Args:
        spikes: Spikes ``[T, B, C]``, floating; what is not 0 is a spike.
        steps: The steps that count, all others being 0 in ``spikes``.
        count: Number F of spikes of a neuron.

    Returns:
        Times ``[F, B, C]``, in the dtype of ``spikes``.

    Source: Bohte, Kok and La Poutre, Error-backpropagation in temporally encoded networks of spiking neurons (2002).
    """
    fired = spikes.detach() != 0
    times = []
    for nth in range(count):
        index = fired.to(torch.uint8).argmax(0)  # the first of the largest
        index = torch.where(fired.any(0), index, steps.last(index))
        there = spikes.gather(0, index.unsqueeze(0)).squeeze(0)
        times.append(steps.time(index).to(spikes.dtype) + (there.detach() - there))
        if nth < count - 1:
            fired = fired.scatter(0, index.unsqueeze(0), False)
    return torch.stack(times)
