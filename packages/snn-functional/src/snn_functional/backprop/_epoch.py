"""One pass over a data loader: every batch is cut into segments of time, and every segment is one update."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from snn_core import unroll
from snn_core.sequence import known_ahead
from snn_core.utils import detach, reset
from snn_functional._messages import fault, must
from snn_functional._steps import checked_lengths
from snn_functional.backprop._objective import Objective
from snn_functional.backprop._timing import Timing

_FEW = 2**16  # numbers in a step's input; with fewer a loop over single steps is faster


def epoch(
    net: nn.Module,
    dataloader: Iterable[Any],
    optimizer: Any,
    objective: Objective,
    timing: Timing,
    device: Any,
    progress: bool,
) -> Tensor:
    """Train over one pass of a data loader; return the mean loss over steps and batches, off the graph."""
    check_net(net)
    if not isinstance(dataloader, Iterable):
        raise TypeError(must("dataloader", "be a DataLoader, or any iterable of batches", type(dataloader).__name__))
    check_optimizer(optimizer)
    place = _device(device)
    batches: Any = _bar(dataloader) if progress else dataloader
    net.to(place).train()
    losses: list[Tensor] = []
    for batch in batches:
        data, targets, lengths = parts(batch, place, "dataloader")
        losses.append(_train(net, timing.sequence(data), targets, lengths, optimizer, objective, timing))
        if progress:  # without a bar, nothing waits for the value of a loss
            batches.set_postfix(loss=f"{torch.stack(losses).mean():.3g}")
    if not losses:
        raise ValueError(
            must(
                "dataloader",
                "give at least one batch",
                "none",
                "pass a DataLoader: an iterator lasts for one epoch only",
            )
        )
    return torch.stack(losses).mean()


def _bar(dataloader: Iterable[Any]) -> Any:
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError(
            fault(
                "progress=True needs tqdm, which is not installed",
                "pip install 'snn-functional[progress]', or pass progress=False",
            )
        ) from error
    return tqdm(dataloader, unit="batch")


def _train(
    net: nn.Module,
    xs: Tensor,
    targets: Tensor,
    lengths: Tensor | None,
    optimizer: Any,
    objective: Objective,
    timing: Timing,
) -> Tensor:
    if objective.time_var_targets:
        targets = timing.targets(targets, len(xs))
    if lengths is not None:
        lengths = checked_lengths(lengths, xs, "data")
    number = len(xs) if lengths is None else int(lengths.max())
    segments = timing.segments(number)
    single = timing.length == 1 and len(segments) > 1
    # once for all segments: it may take longer than one of them
    schedule = "steps" if single and xs[0].numel() < _FEW else known_ahead(net, xs, describe=False) or "auto"
    mean = torch.zeros((), device=xs.device)
    reset(net)
    for steps in segments:
        expected = targets[steps] if objective.time_var_targets else targets
        left, share = None, (steps.stop - steps.start) / number
        if lengths is not None:
            left = (lengths - steps.start).clamp(0, steps.stop - steps.start)
            share = int(left.sum()) / int(lengths.sum())
            counts = left > 0
            expected = expected[:, counts] if objective.time_var_targets else expected[counts]
        # a segment with all steps starts from rest anyway, and may go through layers that cannot be cut
        outputs = unroll(net, xs[steps], resume=len(segments) > 1, schedule=schedule, lengths=left)
        loss = objective(outputs, expected, left)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        detach(net)
        mean = mean + loss.detach() * share
    return mean


def check_net(net: Any) -> None:
    """Check that a net is a module."""
    if not isinstance(net, nn.Module):
        raise TypeError(must("net", "be an nn.Module", type(net).__name__))


def check_optimizer(optimizer: Any) -> None:
    """Check that an optimizer is one, and not its class."""
    if isinstance(optimizer, type) or not all(callable(getattr(optimizer, n, None)) for n in ("zero_grad", "step")):
        raise TypeError(
            must("optimizer", "be one made for the net, such as torch.optim.Adam(net.parameters())", repr(optimizer))
        )


def _device(device: Any) -> torch.device:
    if isinstance(device, bool) or not isinstance(device, str | int | torch.device):
        raise TypeError(must("device", "be a torch.device or its name, such as 'cpu'", repr(device)))
    try:
        return torch.device(device)
    except RuntimeError as error:
        raise ValueError(must("device", "be a device of torch, such as 'cpu' or 'cuda:0'", repr(device))) from error


def parts(batch: Any, device: torch.device, name: str) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return data, targets and lengths of a batch, on a device; ``name`` is that of the loader, for messages."""
    rule = "give tensors: pairs of data and targets, or triples with the lengths of the samples"
    if not isinstance(batch, tuple | list):
        raise TypeError(must(name, rule, type(batch).__name__))
    if len(batch) not in (2, 3) or not all(isinstance(part, Tensor) for part in batch):
        kinds = ", ".join(type(part).__name__ for part in batch)
        raise TypeError(must(name, rule, f"({kinds})"))
    data, targets, *lengths = batch
    # lengths determine shapes, which the CPU must know
    return data.to(device), targets.to(device), lengths[0].cpu() if lengths else None
