"""The update of a net by the gradient of a loss: optimizer, scheduler and scaler."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from snn_functional._messages import fault, must
from snn_functional.backprop._epoch import check_optimizer


class Learning:
    """Optimizer, scheduler and, if ``scaled``, the scaler of the loss that float16 needs."""

    def __init__(self, net: nn.Module, optimizer: Any, scheduler: Any, device: torch.device, scaled: bool) -> None:
        self.optimizer = _optimizer(optimizer, net)
        self.scheduler = _scheduler(scheduler, self.optimizer)
        self.scaler = torch.amp.GradScaler(device.type, enabled=scaled)
        parts = {"net": net, "optimizer": self.optimizer, "scheduler": self.scheduler, "scaler": self.scaler}
        self.parts = {name: part for name, part in parts.items() if part is not None}

    @property
    def rate(self) -> float:
        """The learning rate of the first group of parameters."""
        return float(self.optimizer.param_groups[0]["lr"])

    @property
    def needs_metric(self) -> bool:
        """True if the scheduler looks at a number that should rise."""
        return isinstance(self.scheduler, ReduceLROnPlateau) and self.scheduler.mode == "max"

    def update(self, loss: Tensor) -> None:
        """Take a step along the gradient of a loss."""
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def advance(self, record: dict[str, Any]) -> None:
        """Advance the scheduler after an epoch."""
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(record["metric" if self.needs_metric else "valid_loss"])
        elif self.scheduler is not None:
            self.scheduler.step()


def _optimizer(optimizer: Any, net: nn.Module) -> Any:
    if optimizer is None:
        return torch.optim.Adam(net.parameters(), lr=1e-3)
    instance = optimizer(net.parameters()) if callable(optimizer) else optimizer
    check_optimizer(instance)
    return instance


def _scheduler(scheduler: Any, optimizer: Any) -> Any:
    instance = scheduler(optimizer) if callable(scheduler) else scheduler
    if instance is not None and not callable(getattr(instance, "step", None)):
        raise TypeError(
            must("scheduler", "be one of torch.optim.lr_scheduler, or a function that makes it", repr(scheduler))
        )
    if getattr(instance, "optimizer", optimizer) is not optimizer:
        raise ValueError(
            fault(f"scheduler is {instance!r}, of another optimizer", "make it for the one that is passed")
        )
    return instance
