"""Losses that derive from the library's base class."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from .both import same

STEPS, BATCH, CLASSES = 6, 5, 3
LABELS = torch.tensor([0, 2, 1, 1, 0])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_loss_computes_and_the_base_reduces(reduction: str) -> None:
    def program(snn: Any) -> dict[str, Any]:
        class Focal(snn.functional.LossFunctions):
            def __init__(self, gamma: float, reduction: str, weight: Tensor | None = None) -> None:
                super().__init__(reduction=reduction, weight=weight)
                self.gamma = gamma

            def _compute_loss(self, spk_out: Tensor, targets: Tensor) -> Tensor:
                _, num_steps, _ = self._prediction_check(spk_out)
                log_p = torch.log_softmax(spk_out.sum(0), dim=-1).gather(1, targets.unsqueeze(1)).squeeze(1)
                loss = -((1 - log_p.exp()) ** self.gamma) * log_p / num_steps
                return {"mean": loss.mean(), "sum": loss.sum(), "none": loss}[self._intermediate_reduction()]

        spk = (torch.rand(STEPS, BATCH, CLASSES) < 0.5).float().requires_grad_()
        loss = Focal(2.0, reduction)(spk, LABELS)
        (grad,) = torch.autograd.grad(loss.sum(), spk)
        return {"loss": loss, "grad": grad}

    same(program)


def test_a_loss_counts_populations_with_the_base() -> None:
    def program(snn: Any) -> dict[str, Any]:
        class Margin(snn.functional.LossFunctions):
            def __init__(self, num_classes: int) -> None:
                super().__init__(reduction="mean", weight=None)
                self.num_classes = num_classes

            def _compute_loss(self, spk_out: Tensor, targets: Tensor) -> Tensor:
                counts = self._population_code(spk_out, self.num_classes, spk_out.size(-1))
                return torch.nn.functional.multi_margin_loss(counts, targets)

        spk = (torch.rand(STEPS, BATCH, 2 * CLASSES) < 0.5).float().requires_grad_()
        loss = Margin(CLASSES)(spk, LABELS)
        (grad,) = torch.autograd.grad(loss, spk)
        return {"loss": loss, "grad": grad}

    same(program)


def test_a_tuple_of_one_is_unpacked() -> None:
    def program(snn: Any) -> dict[str, Any]:
        unpack = snn.functional.probe.unpack_len1_tuple
        first, second = torch.ones(2), torch.zeros(2)
        return {"one": unpack((first,)), "two": list(unpack((first, second))), "tensor": unpack(second)}

    same(program)
