"""Training a network on one part of the data, and measuring it on another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import nn

from snn.demo.task import Batch, Part, Task, present

__all__ = ["Evaluation", "batches", "batches_per_epoch", "evaluate", "train"]

# Samples that are shown at a time outside training.
AT_ONCE = 200


class Evaluation(NamedTuple):
    """The quality of a network on a part of the data.

    ``accuracy`` and ``silent`` are shares of the samples. ``confusion[i][j]`` counts samples of class ``i`` taken for
    ``j``, without the samples that cause no output spike.
    """

    accuracy: float
    silent: float
    confusion: list[list[int]]


def train(
    task: Task, part: Part, progress: Callable[[int, float, float], None] = lambda *_: None
) -> tuple[nn.Module, dict[str, list[float]]]:
    """Train a new network; only the seed decides the result, and torch's global generator is left as it was.

    Args:
        task: The task.
        part: The data to learn from.
        progress: Called after each batch with the batches done, and loss and accuracy of the epoch so far.

    Returns:
        The network, and for each epoch the mean loss and the accuracy on its augmented samples while it learned.
    """
    net, count = task.new_network(), batches_per_epoch(task, part)
    history: dict[str, list[float]] = {"loss": [], "accuracy": []}
    for done, (loss, accuracy) in enumerate(task.program.train(net, part), 1):
        progress(done, loss, accuracy)
        if done % count == 0:
            history["loss"].append(loss)
            history["accuracy"].append(accuracy)
    return net, history


def batches_per_epoch(task: Task, part: Part) -> int:
    """Return the number of training steps of one pass over a part."""
    return math.ceil(len(part) / task.settings.batch)


@torch.no_grad()
def evaluate(task: Task, net: nn.Module, part: Part) -> Evaluation:
    """Measure a trained network.

    Returns:
        Accuracy, share of silent samples and confusion matrix; a silent sample counts as wrong.
    """
    number = len(task.classes)
    confusion = torch.zeros(number, number, dtype=torch.int64)
    silent = 0
    for batch in batches(task, part):
        counts = present(net, batch).sum(0)
        awake = counts.sum(1) > 0
        silent += int((~awake).sum())
        cells = batch.targets[awake] * number + counts[awake].argmax(1)
        confusion += cells.bincount(minlength=number**2).unflatten(0, (number, number))
    return Evaluation(int(confusion.trace()) / len(part), silent / len(part), confusion.tolist())


def batches(task: Task, part: Part) -> Iterator[Batch]:
    """Yield all samples of a part in order, unchanged."""
    for chosen in torch.arange(len(part)).split(AT_ONCE):
        yield task.batch(part, chosen.tolist())
