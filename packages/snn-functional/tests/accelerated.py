"""Steps of training on an accelerator without numbers, which ``test_devices.py`` runs in a process of its own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import accelerator
import snn_core as snn
import snn_functional as SF
from accelerator import NAME, Accelerator, OnlyOn, backward_here, moved, of

accelerator.register()

LIF = {"threshold": 0.25, "init_hidden": True}
NETS = {
    "dense": lambda: nn.Sequential(nn.Linear(5, 7), snn.Leaky(0.9, **LIF), nn.Linear(7, 4), snn.Leaky(0.9, **LIF)),
    "recurrent": lambda: nn.Sequential(nn.Linear(5, 4), snn.RSynaptic(0.9, 0.8, linear_features=4, **LIF)),
    "convolutional": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 5, 1)),
        nn.Conv2d(1, 2, 3, padding=1),
        snn.Leaky(0.9, **LIF),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(10, 4),
        snn.ALIF(0.9, 0.8, 0.3, **LIF),
    ),
    "quantized": lambda: nn.Sequential(nn.Linear(5, 4), snn.Leaky(0.9, state_quant=SF.quant.fixed_point(), **LIF)),
}
LOSSES = (SF.ce_rate_loss, SF.ce_count_loss, SF.ce_max_membrane_loss, SF.mse_count_loss, SF.ce_temporal_loss)


@pytest.mark.parametrize("options", [{}, {"schedule": "steps"}, {"chunk": 2}], ids=["layers", "steps", "chunks"])
@pytest.mark.parametrize("name", NETS)
def test_a_step_of_training_reads_nothing_and_makes_nothing_elsewhere(name: str, options: dict[str, Any]) -> None:
    xs, targets = torch.zeros(7, 3, 5), torch.tensor([0, 3, 1])
    with Accelerator(), backward_here():
        xs, targets, net = of(xs), of(targets), moved(NETS[name]())
        optimizer = torch.optim.SGD(net.parameters(), momentum=0.9)
        with OnlyOn(NAME):
            spk = snn.unroll(net, xs, **options)
            loss = sum(kind()(spk, targets) for kind in LOSSES) + SF.l1_rate_sparsity(0.1)(spk)
            loss.backward()
            optimizer.step()
        assert SF.firing_rate(spk).device.type == loss.device.type == NAME


def test_reading_a_value_is_found() -> None:
    with Accelerator(), pytest.raises(Exception, match="_local_scalar_dense"):
        of(torch.zeros(3)).sum().item()
    with Accelerator(), OnlyOn(NAME), pytest.raises(AssertionError, match="on cpu"):
        of(torch.zeros(3)).cpu()
    with Accelerator(), OnlyOn(NAME), pytest.raises(AssertionError, match="on cpu"):
        of(torch.zeros(3)) * torch.tensor(2.0)
    with Accelerator(), pytest.raises(Exception, match="nonzero"):
        of(torch.zeros(3)).nonzero()
