"""Training the network on one part of the digits, and measuring it on another."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import snn
from snn.demo.jitter import jitter
from snn.demo.network import CLASSES, DigitReader, present
from snn.demo.settings import Settings

__all__ = ["Evaluation", "evaluate", "train"]


class Evaluation(NamedTuple):
    """How well a network reads a part of the data.

    ``accuracy`` and ``silent`` are shares of the samples, ``confusion[i][j]`` counts samples of digit ``i`` read as
    ``j``, samples without any output spike left out.
    """

    accuracy: float
    silent: float
    confusion: list[list[int]]


def train(
    settings: Settings,
    images: Tensor,
    targets: Tensor,
    progress: Callable[[int, float, float], None],
) -> tuple[DigitReader, dict[str, list[float]]]:
    """Train a new network; the seed decides everything, and torch's global generator is left as it was.

    Args:
        settings: The settings.
        images: ``[samples, 1, 8, 8]``.
        targets: Digits, ``[samples]``.
        progress: Called after each epoch with the epochs done, the epoch's loss and its accuracy.

    Returns:
        The network, and for each epoch the mean loss and the accuracy on its changed images while it learnt.

    Example:
        >>> images, targets = torch.rand(20, 1, 8, 8), torch.arange(20) % 10
        >>> _, history = train(Settings(epochs=2, hidden=20), images, targets, lambda *_: None)
        >>> len(history["loss"]), len(history["accuracy"])
        (2, 2)
    """
    loss_of = snn.functional.ce_count_loss()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        net = DigitReader(settings)
    generator = torch.Generator().manual_seed(settings.seed)
    optimizer = torch.optim.Adam(net.parameters(), lr=settings.learning_rate)
    batches = math.ceil(len(images) / settings.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=batches * settings.epochs, pct_start=0.2
    )
    history: dict[str, list[float]] = {"loss": [], "accuracy": []}
    for epoch in range(1, settings.epochs + 1):
        losses = right = 0.0
        for chosen in torch.randperm(len(images), generator=generator).chunk(batches):
            spk = present(net, jitter(images[chosen], generator), settings.num_steps)
            loss = loss_of(spk, targets[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses += loss.item() * len(chosen)
            right += snn.functional.accuracy_rate(spk, targets[chosen]) * len(chosen)
        history["loss"].append(losses / len(images))
        history["accuracy"].append(right / len(images))
        progress(epoch, history["loss"][-1], history["accuracy"][-1])
    return net, history


@torch.no_grad()
def evaluate(net: nn.Module, images: Tensor, targets: Tensor, settings: Settings) -> Evaluation:
    """Measure a trained network.

    Args:
        net: The network.
        images: ``[samples, 1, 8, 8]``.
        targets: Digits, ``[samples]``.
        settings: The settings it was trained with.

    Returns:
        Accuracy, share of silent samples and confusion matrix; a silent sample counts as wrong.

    Example:
        >>> settings = Settings(hidden=20)
        >>> images, targets = torch.rand(7, 1, 8, 8), torch.arange(7)
        >>> 0 <= evaluate(DigitReader(settings), images, targets, settings).accuracy <= 1
        True
    """
    spk = present(net, images, settings.num_steps)
    accuracy, silent = snn.functional.accuracy_rate(spk, targets, return_silent=True)
    counts = spk.sum(0)
    awake = counts.sum(1) > 0
    cells = targets[awake] * CLASSES + counts[awake].argmax(1)
    confusion: Any = cells.bincount(minlength=CLASSES * CLASSES).unflatten(0, (CLASSES, CLASSES)).tolist()
    return Evaluation(accuracy, silent, confusion)
