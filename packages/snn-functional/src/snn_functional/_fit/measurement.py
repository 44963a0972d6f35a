"""The loss and the metric of a net on the batches of an epoch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from itertools import islice
from math import isfinite
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from snn_functional._fit.batches import Batches
from snn_functional._messages import fault
from snn_functional.acc import accuracy_membrane, accuracy_rate, accuracy_temporal
from snn_functional.backprop._objective import Objective
from snn_functional.loss import ce_membrane_loss, ce_temporal_loss, mse_temporal_loss


class Measurement(NamedTuple):
    """The loss and the metric of a net's outputs."""

    net: nn.Module
    objective: Objective
    metric: Callable[..., Any] | None
    device: torch.device
    autocast: torch.dtype | None
    unroll: Callable[..., Any]

    def over(
        self, batches: Batches, epoch: int, learn: Callable[[Tensor], None] | None, most: int | None = None
    ) -> tuple[float, float | None]:
        """Return the means over the samples of the loss and, without learning, of the metric; in ``most`` batches."""
        self.net.train(learn is not None)
        batches.start(epoch)
        losses, scores, samples = 0.0, 0.0, 0
        metric = None
        steps = batches.on(self.device, self.objective.time_var_targets)
        for number, (xs, targets, lengths) in enumerate(islice(steps, most), 1):
            with torch.set_grad_enabled(learn is not None), self._precision():
                outputs = self.unroll(self.net, xs, lengths=lengths)
                loss = self.objective(outputs, targets, lengths)
            value = float(loss.detach())
            if not isfinite(value):
                raise FloatingPointError(
                    fault(
                        f"the loss of {batches.name} is {value} in epoch {epoch}, batch {number}",
                        "look at the data for NaN and infinity, lower the learning rate, or ask "
                        "snn_functional.diagnose(net, xs, targets)",
                    )
                )
            if learn is not None:
                learn(loss)
            elif (metric := self._metric(targets)) is not None:
                scores += float(self.objective.value(metric, "metric", lengths, outputs, targets)) * xs.shape[1]
            losses += value * xs.shape[1]
            samples += xs.shape[1]
        return losses / samples, None if metric is None else scores / samples

    def _metric(self, targets: Tensor) -> Callable[..., Any] | None:
        if self.metric is None and targets.dim() == 1 and not targets.is_floating_point():
            return accuracy_of(self.objective.criterion)
        return self.metric

    def _precision(self) -> Any:
        return nullcontext() if self.autocast is None else torch.autocast(self.device.type, self.autocast)


def accuracy_of(criterion: Any) -> Callable[..., Any] | None:
    """Return the accuracy by what a loss compares with labels: membranes, spike counts or times; None for others."""
    if isinstance(criterion, ce_membrane_loss):
        return partial(accuracy_membrane, over=criterion.over)
    if getattr(criterion, "recording", "spk_out") != "spk_out" or getattr(criterion, "target_is_time", False):
        return None
    if isinstance(criterion, ce_temporal_loss | mse_temporal_loss):
        return accuracy_temporal
    options = {name: getattr(criterion, name, False) for name in ("population_code", "num_classes")}
    return partial(accuracy_rate, **options)
