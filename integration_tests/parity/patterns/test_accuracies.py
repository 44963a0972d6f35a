"""Accuracies as programs use them: with the methods of numpy's numbers, summed over batches and printed."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from .both import run, same, snn

STEPS, BATCH, CLASSES = 6, 5, 4


def test_an_accuracy_is_a_number_with_the_methods_of_numpys() -> None:
    def program(snn: Any) -> dict[str, Any]:
        spikes = torch.zeros(STEPS, BATCH, CLASSES)
        spikes[2:, torch.arange(BATCH), torch.tensor([0, 1, 2, 0, 0])] = 1
        labels = torch.arange(BATCH) % CLASSES
        rate, temporal = snn.functional.accuracy_rate(spikes, labels), snn.functional.accuracy_temporal(spikes, labels)
        return {
            "item": rate.item(),
            "rounded": rate.round(2),
            "list": [rate.item(), temporal.item()],
            "text": f"{rate:.3f}",
            "percent": str(round(100 * temporal.item())),
        }

    same(program)


def test_an_accuracy_is_added_up_and_compared() -> None:
    def program(snn: Any) -> dict[str, Any]:
        spikes = torch.ones(STEPS, BATCH, CLASSES)
        spikes[:, :, 2] = torch.arange(STEPS).unsqueeze(1) % 2
        total = 0
        for labels in (torch.zeros(BATCH).long(), torch.full((BATCH,), 2)):
            accuracy = snn.functional.accuracy_rate(spikes, labels)
            total += accuracy * BATCH
        best = max(0.0, float(accuracy))
        return {"total": total, "best": best, "improved": bool(accuracy > 0.5)}

    same(program)


def silent(snn: Any) -> dict[str, Any]:
    """Accuracies with three silent samples of five, two of them of class 0."""
    spk = torch.zeros(STEPS, 5, CLASSES)
    spk[2:, 0, 1] = spk[3:, 1, 2] = 1
    labels = torch.tensor([1, 0, 0, 0, 2])
    return {
        "rate": snn.functional.accuracy_rate(spk, labels),
        "temporal": snn.functional.accuracy_temporal(spk, labels),
    }


def test_a_silent_sample_is_of_class_0_by_the_peers_rule() -> None:
    """Documented: without the rule it counts as wrong."""
    result, expected = run(silent)
    assert (result["rate"], expected["rate"]) == pytest.approx((1 / 5, 3 / 5))
    assert (result["temporal"], expected["temporal"]) == pytest.approx((1 / 5, 3 / 5))
    with snn.peer.following():
        same(silent)
