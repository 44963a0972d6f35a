"""One pass over a data loader: every batch cut into stretches of time, every stretch one update."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from snn_core import unroll
from snn_core.utils import detach, reset
from snn_functional.backprop._objective import Objective
from snn_functional.backprop._progress import Progress
from snn_functional.backprop._timing import Timing


def epoch(
    net: nn.Module,
    dataloader: Iterable[Any],
    optimizer: Any,
    objective: Objective,
    timing: Timing,
    device: Any,
    progress: bool,
) -> Tensor:
    """Train over one pass of a data loader.

    Args:
        net: The net, called with one step's input.
        dataloader: Pairs of data and targets.
        optimizer: What updates the net's parameters.
        objective: The loss.
        timing: Where time is, and after how many steps to update.
        device: Where to train; the net is moved there.
        progress: Whether to show a bar.

    Returns:
        The loss, a scalar off the graph: the mean over the steps of a batch, and over the batches.

    Raises:
        ImportError: If there is no tqdm to show a bar.
        TypeError: If an argument or a batch is of the wrong kind.
        ValueError: If there is no batch, or one does not fit.
    """
    _check(net, dataloader, optimizer)
    batches = Progress(dataloader, progress)
    net.to(device).train()
    for batch in batches:
        data, targets = (part.to(device) for part in _pair(batch))
        batches.add(_train(net, timing.sequence(data), targets, optimizer, objective, timing))
    return batches.mean()


def _train(net: nn.Module, xs: Tensor, targets: Tensor, optimizer: Any, objective: Objective, timing: Timing) -> Tensor:
    number = len(xs)
    if objective.time_var_targets:
        targets = timing.targets(targets, number)
    stretches = timing.stretches(number)
    # to find out how a net runs over many steps costs as much as one step
    schedule = "steps" if timing.length == 1 and len(stretches) > 1 else "auto"
    mean = torch.zeros((), device=xs.device)
    reset(net)
    for steps in stretches:
        # one that is all of the batch starts from rest anyhow, and may go through layers that cannot be cut
        outputs = unroll(net, xs[steps], resume=len(stretches) > 1, schedule=schedule)
        loss = objective(outputs, targets[steps] if objective.time_var_targets else targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        detach(net)
        mean = mean + loss.detach() * ((steps.stop - steps.start) / number)
    return mean


def _check(net: Any, dataloader: Any, optimizer: Any) -> None:
    if not isinstance(net, nn.Module):
        raise TypeError(f"net is a {type(net).__name__}; pass an nn.Module")
    if not isinstance(dataloader, Iterable):
        raise TypeError(f"dataloader is a {type(dataloader).__name__}; pass a DataLoader, or any iterable of batches")
    if isinstance(optimizer, type) or not all(callable(getattr(optimizer, n, None)) for n in ("zero_grad", "step")):
        raise TypeError(
            f"optimizer is {optimizer!r}; pass one made for the net, such as torch.optim.Adam(net.parameters())"
        )


def _pair(batch: Any) -> tuple[Tensor, Tensor]:
    if not isinstance(batch, tuple | list):
        raise TypeError(f"dataloader gave a {type(batch).__name__}; it must give pairs of tensors, data and targets")
    if len(batch) != 2 or not all(isinstance(part, Tensor) for part in batch):
        kinds = ", ".join(type(part).__name__ for part in batch)
        raise TypeError(f"dataloader gave ({kinds}); it must give pairs of tensors, data and targets")
    return batch[0], batch[1]
