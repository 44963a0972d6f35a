"""The epochs of a training run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from torch import Tensor

from snn_functional._fit.batches import Batches
from snn_functional._fit.checkpoint import Checkpoint
from snn_functional._fit.history import History
from snn_functional._fit.learning import Learning
from snn_functional._fit.measurement import Measurement


class Training(NamedTuple):
    """Everything that a training run needs."""

    measurement: Measurement
    learning: Learning
    checkpoint: Checkpoint
    train: Batches
    valid: Batches
    shown: Any  # the bar


def train_net(
    training: Training,
    history: History,
    best: dict[str, Any],
    *,
    epochs: int,
    patience: int | None,
    monitor: str = "loss",
    callbacks: Sequence[Callable[..., Any]] = (),
) -> History:
    """Train after the epochs of a history, whose best net is ``best``; leave the net with its best weights."""
    measurement, learning, checkpoint, train, valid, shown = training
    net = measurement.net

    def learn(value: Tensor) -> None:
        learning.update(value)
        shown.update()

    for epoch in range(len(history.epochs) + 1, epochs + 1):
        if patience is not None and epoch - 1 - history.best_epoch >= patience:
            break
        begun, rate = time.perf_counter(), learning.rate
        train_loss, _ = measurement.over(train, epoch, learn)
        valid_loss, score = measurement.over(valid, epoch, None)
        record = {"epoch": epoch, "train_loss": train_loss, "valid_loss": valid_loss, "metric": score, "lr": rate}
        if _is_better(record, history, monitor):
            history, best = History(history.epochs, epoch), deepcopy(net.state_dict())
        learning.advance(record)
        history.epochs.append(record | {"seconds": time.perf_counter() - begun})
        checkpoint.write(history, best)
        shown.set_postfix({"valid_loss": f"{valid_loss:.3g}", "metric": "-" if score is None else f"{score:.3g}"})
        requests = [callback(dict(history.epochs[-1])) for callback in callbacks]
        if any(request is True for request in requests):
            break
    net.load_state_dict(best)
    net.eval()
    return history


def _is_better(record: dict[str, Any], history: History, monitor: str) -> bool:
    if not history.best_epoch:
        return True
    if monitor == "loss":
        return bool(record["valid_loss"] < history.best["valid_loss"])
    return bool(record["metric"] > history.best["metric"])
