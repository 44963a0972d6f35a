"""The scores of classes from membranes over time: their mean, their maximum or the last ones."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from snn_functional._messages import must
from snn_functional._steps import Steps

Over = Literal["mean", "max", "last"]
_OVERS = ("mean", "max", "last")


def check_over(over: str) -> None:
    """Check that there is such a way to read scores from membranes."""
    if over not in _OVERS:
        raise ValueError(must("over", f"be one of {', '.join(map(repr, _OVERS))}", repr(over)))


def scores(membranes: Tensor, steps: Steps, over: Over) -> Tensor:
    """Return the scores ``[B, K]`` of membranes ``[T, B, K]``, from the steps that count."""
    if over == "mean":
        return steps.mean(membranes)
    if over == "max":
        return steps.only(membranes, float("-inf")).max(0).values
    return membranes.gather(0, steps.last(membranes[0]).long().unsqueeze(0)).squeeze(0)
