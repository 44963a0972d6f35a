"""Classes that weigh more than others."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from .both import equal, run, same

STEPS, BATCH, CLASSES = 6, 5, 3
WEIGHTS = torch.tensor([0.35, 0.5, 0.15])
LABELS = torch.tensor([0, 2, 1, 1, 0])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("loss", ["ce_rate_loss", "ce_count_loss", "ce_max_membrane_loss"])
def test_cross_entropies_weigh_as_the_peers(loss: str, reduction: str) -> None:
    def program(snn: Any) -> dict[str, Any]:
        outputs = torch.rand(STEPS, BATCH, CLASSES, requires_grad=True)
        value = getattr(snn.functional, loss)(weight=WEIGHTS, reduction=reduction)(outputs, LABELS)
        (grad,) = torch.autograd.grad(value.sum(), outputs)
        return {"loss": value.sum(), "grad": grad}

    same(program)


def test_a_squared_error_weighs_each_sample_by_its_class() -> None:
    """Documented: the peer multiplies along the axis of classes, which it can only where there are as many samples."""

    def program(snn: Any) -> dict[str, Any]:
        outputs = (torch.rand(STEPS, CLASSES, CLASSES) < 0.5).float()
        loss = snn.functional.mse_count_loss
        return {
            "weighted": loss(weight=WEIGHTS)(outputs, torch.tensor([2, 0, 1])),
            "equal": loss(weight=torch.ones(CLASSES))(outputs, torch.tensor([2, 0, 1])),
            "none": loss()(outputs, torch.tensor([2, 0, 1])),
        }

    result, expected = run(program)
    equal("equal", result["equal"], expected["equal"])
    equal("none", result["none"], expected["none"])
    assert float(result["weighted"]) != pytest.approx(float(expected["weighted"]), rel=1e-3)
