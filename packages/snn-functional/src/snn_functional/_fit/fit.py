"""Training for many epochs in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from os import PathLike
from typing import Any

import torch
from torch import Tensor, nn

from snn_core import unroll
from snn_functional._fit.batches import Batches
from snn_functional._fit.checkpoint import Checkpoint
from snn_functional._fit.history import History
from snn_functional._fit.learning import Learning
from snn_functional._fit.measurement import Measurement
from snn_functional._fit.progress import bar
from snn_functional._fit.training import Training, train_net
from snn_functional._messages import fault, must
from snn_functional._numbers import whole
from snn_functional.backprop._epoch import check_net
from snn_functional.backprop._objective import Objective


def fit(
    net: nn.Module,
    train: Any,
    valid: Any,
    loss: Callable[..., Tensor],
    *,
    num_steps: int | None = None,
    batch_first: bool = False,
    epochs: int = 10,
    patience: int | None = None,
    monitor: str = "loss",
    folder: str | PathLike[str] | None = None,
    optimizer: Any = None,
    scheduler: Any = None,
    metric: Callable[..., Any] | None = None,
    batch_size: int = 128,
    seed: int = 0,
    chunk: int | None = None,
    memory: int | None = None,
    autocast: torch.dtype | None = None,
    callbacks: Iterable[Callable[[dict[str, Any]], Any]] = (),
    progress: bool = True,
) -> History:
    """Train a net by backpropagation through time, validate it after each epoch, and keep the best one.

    Data go to the device of the net's parameters. Each batch starts from rest.

    Args:
        net: Called with one step's input ``[batch, ...]``; its neurons have ``init_hidden=True``. It returns spikes,
            or a tuple of spikes and states with the membrane last. ``unroll`` runs it.
        train: What to learn from. Tensors ``(data, targets)`` and a ``Dataset`` have one row per sample, which is
            ``[T, ...]``, or ``[...]`` with ``num_steps``. A ``DataLoader``, or any iterable that may be repeated, gives
            batches ``(data, targets)`` with data ``[T, batch, ...]``, or ``[batch, ...]`` with ``num_steps``. Samples
            that differ in length are padded and come with the number of their steps, ``(data, targets, lengths)``.
        valid: What to validate with, in one of the same forms.
        loss: A loss such as ``functional.ce_count_loss()``, or any function of a recording ``[T, batch, ...]`` and the
            targets that returns a scalar. It gets the spikes, or the membrane if its attribute ``recording`` is
            ``"mem_out"``, as in the membrane losses.
        num_steps: Number of steps for which to show data without time; leave it out if the data has its own.
        batch_first: The batches of loaders are ``[batch, T, ...]``, and so are targets of every step.
        epochs: Number of epochs in all, those before the run was stopped included.
        patience: Number of epochs without a better net after which to stop; None never stops.
        monitor: What the best net has: ``"loss"``, the lowest validation loss, or ``"metric"``, the highest metric.
        folder: Where to keep a checkpoint of the last epoch. With the same folder, a run that was stopped continues
            from there, and ends with the same weights, bit for bit, as one that was not. It keeps the learning
            rate and the other settings of the optimizer.
        optimizer: An optimizer of the net's parameters, or a function that makes one of them; by default ``Adam``.
        scheduler: A scheduler of the learning rate, or a function that makes one of the optimizer. It advances once per
            epoch; ``ReduceLROnPlateau`` gets the validation loss, or with ``mode="max"`` the metric.
        metric: A function like the loss that returns a number, the higher the better. By default, if the targets are
            one class per sample, ``accuracy_rate``, or ``accuracy_temporal`` for a loss of spike times, or
            ``accuracy_membrane`` for a cross entropy of membranes, over time as in the loss.
        batch_size: Number of samples in a batch of tensors or of a ``Dataset``.
        seed: Seed of the order of the training samples of tensors or of a ``Dataset``.
        chunk: Steps to run at a time, as in ``unroll``.
        memory: Bytes into which tensors must fit, as in ``unroll``.
        autocast: ``torch.bfloat16`` or ``torch.float16`` for mixed precision; the gradients of the latter are scaled.
        callbacks: Functions that get the record of each epoch, after the checkpoint; one that returns True stops.
        progress: Show a bar with the time left, if tqdm is installed, and say where a run continues.

    Returns:
        The losses, metrics and seconds of the epochs. The net has the weights of the best epoch, in ``eval()`` mode.

    Raises:
        FloatingPointError: If a loss is not finite.
        TypeError: If an argument, or a batch, is of the wrong kind.
        ValueError: If arguments contradict each other, a loader gives no batch, shapes do not fit, or ``folder`` has
            the checkpoint of another run.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> import snn_core as snn
        >>> import snn_functional as SF
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> data = torch.rand(20, 3), torch.arange(20) % 2
        >>> history = SF.fit(net, data, data, SF.ce_count_loss(), num_steps=5, epochs=3, progress=False)
        >>> len(history.epochs), sorted(history.best)
        (3, ['epoch', 'lr', 'metric', 'seconds', 'train_loss', 'valid_loss'])

    Source: Werbos, Backpropagation Through Time: What It Does and How to Do It (1990).
    """
    check_net(net)
    _check_numbers(epochs=epochs, patience=patience, num_steps=num_steps, batch_size=batch_size)
    whole("seed", seed)
    _check_order(batch_first, num_steps)
    if monitor not in ("loss", "metric"):
        raise ValueError(must("monitor", "be 'loss' or 'metric'", repr(monitor)))
    if autocast not in (None, torch.bfloat16, torch.float16):
        raise ValueError(must("autocast", "be torch.bfloat16, torch.float16 or None", repr(autocast)))
    if metric is not None and (isinstance(metric, type) or not callable(metric)):
        raise TypeError(must("metric", "be a function such as functional.accuracy_rate", repr(metric)))
    callbacks = _functions(callbacks)
    device = next((parameter.device for parameter in net.parameters()), torch.device("cpu"))
    run = partial(unroll, chunk=chunk, memory=memory)
    measurement = Measurement(net, Objective(loss, None, net, "loss"), metric, device, autocast, run)
    training = Batches("train", train, num_steps, batch_size, torch.Generator().manual_seed(seed), batch_first)
    validation = Batches("valid", valid, num_steps, batch_size, None, batch_first)
    learning = Learning(net, optimizer, scheduler, device, scaled=autocast is torch.float16)
    _check_metric(measurement.over(validation, 0, None, 1)[1], monitor, learning)  # its faults show before it learns
    checkpoint = Checkpoint(folder, learning.parts, training.generators + validation.generators)
    history, best = checkpoint.read()
    done = len(history.epochs)
    if done and progress:
        print(f"{checkpoint.file}: resumed at epoch {done + 1}")
    with bar(training.number, done, epochs, progress) as shown:
        return train_net(
            Training(measurement, learning, checkpoint, training, validation, shown),
            history,
            best,
            epochs=epochs,
            patience=patience,
            monitor=monitor,
            callbacks=callbacks,
        )


def _check_numbers(**numbers: Any) -> None:
    for name, number in numbers.items():
        if number is not None or name in ("epochs", "batch_size"):
            whole(name, number, "a positive int", least=1)


def _check_order(batch_first: Any, num_steps: int | None) -> None:
    if not isinstance(batch_first, bool):
        raise TypeError(
            must("batch_first", "be True for batches [batch, T, ...], False for [T, batch, ...]", repr(batch_first))
        )
    if batch_first and num_steps is not None:
        raise ValueError(
            fault(
                f"batch_first is True with num_steps={num_steps}, where the data has no axis of time",
                "leave one of them out",
            )
        )


def _check_metric(score: float | None, monitor: str, learning: Learning) -> None:
    what = "monitor is 'metric'" if monitor == "metric" else "scheduler has mode='max'" if learning.needs_metric else ""
    if what and score is None:
        raise ValueError(fault(f"{what}, but these targets and this loss have no default metric", "pass a metric"))


def _functions(callbacks: Any) -> list[Callable[..., Any]]:
    functions = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    if callable(callbacks) or not all(map(callable, functions)):
        raise TypeError(must("callbacks", "be a list of functions of an epoch's record", repr(callbacks)))
    return functions
