"""Losses of spikes: a library's own, or written out for a library that has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass(frozen=True)
class Counts:
    """Shares of steps in which neurons should fire."""

    correct: float  # share of the steps in which the neurons of the labeled class should fire
    incorrect: float  # the same for all other neurons
    classes: int | None = None  # number of classes that share the neurons evenly; None if each neuron is a class


def rate(spk: Tensor, labels: Tensor) -> Tensor:
    """Average the cross entropy of the spikes ``[T, batch, classes]`` of each step.

    Example:
        >>> import torch
        >>> round(rate(torch.zeros(7, 3, 5), torch.tensor([0, 4, 2])).item(), 4) # log 5
        1.6094
    """
    return nn.functional.cross_entropy(spk.flatten(0, 1), labels.repeat(len(spk)))


def counts(spk: Tensor, labels: Tensor, shares: Counts) -> Tensor:
    """Average the squared difference between numbers of spikes ``[T, batch, neurons]`` and the targets, per step.

    Example:
        >>> import torch
        >>> counts(torch.ones(10, 1, 2), torch.tensor([1]), Counts(0.8, 0.2)) # ((10 - 8)**2 + (10 - 2)**2) / 2 / 10
        tensor(3.4000)
    """
    fired = spk.sum(0)
    if shares.classes is not None:
        fired = fired.unflatten(-1, (shares.classes, -1)).sum(-1)
    each = len(spk) * spk.shape[-1] // fired.shape[-1]  # the most that can be counted
    on, off = int(each * shares.correct), int(each * shares.incorrect)
    target = nn.functional.one_hot(labels, fired.shape[-1]) * (on - off) + off
    return nn.functional.mse_loss(fired, target.to(fired.dtype)) / len(spk)


@dataclass(frozen=True)
class Losses:
    """The losses of a library."""

    rate: Callable[[Tensor, Tensor], Tensor] = rate
    counts: Callable[[Tensor, Tensor, Counts], Tensor] = counts

    @classmethod
    def of(cls, functional: Any) -> Losses:
        """Return the losses of a library that has those of snnTorch, under the same names."""
        by_rate = functional.ce_rate_loss()

        def by_counts(spk: Tensor, labels: Tensor, shares: Counts) -> Tensor:
            population = {} if shares.classes is None else {"population_code": True, "num_classes": shares.classes}
            return functional.mse_count_loss(shares.correct, shares.incorrect, **population)(spk, labels)

        return cls(by_rate, by_counts)
