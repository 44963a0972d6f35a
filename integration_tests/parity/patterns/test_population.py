"""Population codes: many output neurons per class, whose spikes are counted together."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from .both import learn, louder, same, some_fire

STEPS, BATCH, CLASSES, OUTPUTS = 2, 7, 3, 12


def net_of(snn: Any) -> nn.Sequential:
    grad = snn.surrogate.fast_sigmoid()
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(20, 15),
        snn.Leaky(beta=0.9, spike_grad=grad, init_hidden=True),
        nn.Linear(15, OUTPUTS),
        snn.Leaky(beta=0.9, spike_grad=grad, init_hidden=True, output=True),
    )


@pytest.mark.parametrize(
    ("loss", "options"),
    [("mse_count_loss", {"correct_rate": 1.0, "incorrect_rate": 0.0}), ("ce_count_loss", {})],
)
def test_a_population_of_neurons_learns_in_two_steps(loss: str, options: dict[str, Any]) -> None:
    def program(snn: Any) -> dict[str, Any]:
        net = louder(net_of(snn), 6)
        x, labels = torch.rand(BATCH, 1, 4, 5), torch.arange(BATCH) % CLASSES
        criterion = getattr(snn.functional, loss)(population_code=True, num_classes=CLASSES, **options)

        def spikes() -> Tensor:
            snn.utils.reset(net)
            return torch.stack([net(x)[0] for _ in range(STEPS)])

        numbers = {"spk": some_fire(spikes()), **learn(net, lambda: criterion(spikes(), labels).sum())}
        spk = spikes()
        spk[0, :, :2] = 1  # no sample is silent
        accuracy = snn.functional.accuracy_rate(spk, labels, population_code=True, num_classes=CLASSES)
        return numbers | {"accuracy": accuracy}

    same(program)
