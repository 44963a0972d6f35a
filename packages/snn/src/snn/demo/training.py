"""Training a network on one part of the data, and measuring it on another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import nn

import snn
from snn.demo.tasks.task import Batch, Part, Task, present

__all__ = ["Evaluation", "batches", "batches_per_epoch", "evaluate", "new_network", "train"]

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
    task: Task[Any], part: Part, progress: Callable[[int, float, float], None] = lambda *_: None
) -> tuple[nn.Module, dict[str, list[float]]]:
    """Train a new network; only the seed decides the result, and torch's global generator is left as it was.

    Args:
        task: The task.
        part: The data to learn from.
        progress: Called after each batch with the batches done, and loss and accuracy of the epoch so far.

    Returns:
        The network, and for each epoch the mean loss and the accuracy on its augmented samples while it learned.
    """
    settings, loss_of = task.settings, snn.functional.ce_count_loss()
    net = new_network(task)
    generator = torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.AdamW(net.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    count = batches_per_epoch(task, part)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=count * settings.epochs, pct_start=0.2
    )
    history: dict[str, list[float]] = {"loss": [], "accuracy": []}
    for epoch in range(settings.epochs):
        losses = right = 0.0
        seen = 0
        for done, chosen in enumerate(torch.randperm(len(part), generator=generator).chunk(count), 1):
            batch = task.batch(part, chosen.tolist(), generator)
            spk = present(net, batch)
            loss = loss_of(spk, batch.targets, lengths=batch.lengths)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses += loss.item() * len(chosen)
            right += snn.functional.accuracy_rate(spk, batch.targets, lengths=batch.lengths) * len(chosen)
            seen += len(chosen)
            progress(epoch * count + done, losses / seen, right / seen)
        history["loss"].append(losses / seen)
        history["accuracy"].append(right / seen)
    return net, history


def batches_per_epoch(task: Task[Any], part: Part) -> int:
    """Return the number of training steps of one pass over a part."""
    return math.ceil(len(part) / task.settings.batch)


def new_network(task: Task[Any]) -> nn.Module:
    """Return the network of a task before any training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(task.settings.seed)
        return task.network()


@torch.no_grad()
def evaluate(task: Task[Any], net: nn.Module, part: Part) -> Evaluation:
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


def batches(task: Task[Any], part: Part) -> Iterator[Batch]:
    """Yield all samples of a part in order, unchanged."""
    for chosen in torch.arange(len(part)).split(AT_ONCE):
        yield task.batch(part, chosen.tolist())
