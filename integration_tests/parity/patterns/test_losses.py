"""Losses as they are used: spikes or membranes, times of spikes, targets that vary, penalties."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from .both import equal, run, same

STEPS, BATCH, CLASSES = 6, 5, 4
LABELS = torch.tensor([0, 3, 1, 1, 2])

LOSSES: dict[str, tuple[str, dict[str, Any]]] = {
    "rates": ("ce_rate_loss", {}),
    "counts": ("ce_count_loss", {}),
    "largest membranes": ("ce_max_membrane_loss", {}),
    "counts, squared": ("mse_count_loss", {"correct_rate": 0.8, "incorrect_rate": 0.2}),
    "counts of populations": ("mse_count_loss", {"population_code": True, "num_classes": 2}),
    "membranes, squared": ("mse_membrane_loss", {"on_target": 1.5, "off_target": 0.5}),
    "times": ("ce_temporal_loss", {}),
    "times, inverted": ("ce_temporal_loss", {"inverse": "reciprocal"}),
    "times, squared": ("mse_temporal_loss", {"on_target": 1, "off_target": 5, "tolerance": 1}),
}


def spikes(requires_grad: bool = True) -> torch.Tensor:
    spk = (torch.rand(STEPS, BATCH, CLASSES) < 0.4).float()
    spk[-1, :, 2] = 1
    return spk.requires_grad_(requires_grad)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_and_its_gradient(name: str) -> None:
    loss, options = LOSSES[name]

    def program(snn: Any) -> dict[str, Any]:
        spk = spikes() if "membranes" not in name else torch.randn(STEPS, BATCH, CLASSES, requires_grad=True)
        labels = LABELS % 2 if options.get("population_code") else LABELS
        value = getattr(snn.functional, loss)(**options)(spk, labels).sum()
        (grad,) = torch.autograd.grad(value, spk)
        return {"loss": value, "grad": grad}

    same(program)


def test_a_loss_of_rates_has_no_axis() -> None:
    """Documented: the peer's is of shape [1]."""
    result, expected = run(lambda snn: {"loss": snn.functional.ce_rate_loss()(spikes(), LABELS)})
    assert (result["loss"].shape, expected["loss"].shape) == ((), (1,))
    equal("loss", result["loss"], expected["loss"].sum())


def test_a_loss_of_spikes_and_a_penalty_on_them_together() -> None:
    def program(snn: Any) -> dict[str, Any]:
        spk = spikes()
        loss = snn.functional.ce_count_loss()(spk, LABELS) + snn.functional.l1_rate_sparsity(Lambda=1e-2)(spk)
        (grad,) = torch.autograd.grad(loss, spk)
        return {"loss": loss, "grad": grad, "mean": nn.L1Loss()(spk, torch.zeros_like(spk))}

    same(program)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_reduction_of_choice(reduction: str) -> None:
    same(lambda snn: {"loss": snn.functional.ce_count_loss(reduction=reduction)(spikes(False), LABELS)})
