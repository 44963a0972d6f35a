"""Convolutional nets as ``nn.Sequential``, reset before each batch, and measured in the loop of a training."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from .both import learn, louder, same, some_fire

STEPS, BATCH, CLASSES = 6, 5, 4


def sequential(snn: Any) -> nn.Sequential:
    options = {"beta": 0.5, "spike_grad": snn.surrogate.fast_sigmoid(slope=25), "init_hidden": True, "threshold": 0.4}
    return nn.Sequential(
        nn.Conv2d(1, 3, 3),
        nn.MaxPool2d(2),
        snn.Leaky(**options),
        nn.Conv2d(3, 4, 2),
        nn.MaxPool2d(2),
        snn.Leaky(**options),
        nn.Flatten(),
        nn.Linear(4, CLASSES),
        snn.Leaky(**options, output=True),
    )


def forward_pass(snn: Any, net: nn.Module, steps: int, data: Tensor) -> tuple[Tensor, Tensor]:
    mem_rec, spk_rec = [], []
    snn.utils.reset(net)
    for _ in range(steps):
        spk_out, mem_out = net(data)
        spk_rec.append(spk_out)
        mem_rec.append(mem_out)
    return torch.stack(spk_rec), torch.stack(mem_rec)


def test_a_convolutional_net_learns_from_rates_and_is_measured() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net = louder(sequential(snn), 4)
        images, labels = torch.rand(BATCH, 1, 9, 9), torch.arange(BATCH) % CLASSES
        criterion = snn.functional.ce_rate_loss()
        spk, mem = forward_pass(snn, net, STEPS, images)
        numbers = {"spk": some_fire(spk), "mem": mem}
        numbers |= learn(net, lambda: criterion(forward_pass(snn, net, STEPS, images)[0], labels))
        return numbers

    same(program)


def test_the_accuracy_of_a_loader_is_summed_over_its_batches() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net = louder(sequential(snn), 4)
        batches = [(torch.rand(size, 1, 9, 9), torch.arange(size) % CLASSES) for size in (5, 5, 2)]
        total, acc = 0, 0.0
        with torch.no_grad():
            net.eval()
            for data, targets in batches:
                spk_rec, _ = forward_pass(snn, net, STEPS, data)
                spk_rec[0, :, 0] = 1  # no sample is silent
                acc += snn.functional.accuracy_rate(spk_rec, targets) * spk_rec.size(1)
                total += spk_rec.size(1)
        return {"accuracy": acc / total, "per cent": f"{acc / total * 100:.2f}"}

    same(program)


@pytest.mark.parametrize("step", [lambda net, x: net(x), lambda net, x: net(x.clone())], ids=["same", "copy"])
def test_frames_of_events_go_in_one_by_one(step: Any) -> None:
    """Event data, time first: one frame per step, and a mean squared error between counts of spikes."""

    def program(snn: Any) -> dict[str, Any]:
        net = louder(sequential(snn), 4)
        frames = (torch.rand(STEPS, BATCH, 1, 9, 9) < 0.4).float()
        labels = torch.arange(BATCH) % CLASSES
        criterion = snn.functional.mse_count_loss(correct_rate=0.8, incorrect_rate=0.2)

        def spikes() -> Tensor:
            snn.utils.reset(net)
            return torch.stack([step(net, frame)[0] for frame in frames])

        return {"spk": some_fire(spikes()), **learn(net, lambda: criterion(spikes(), labels).sum(), lr=2e-3)}

    same(program)


def test_batch_norm_and_dropout_between_spikes() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net = nn.Sequential(
            nn.Conv2d(2, 3, 3, bias=False),
            nn.BatchNorm2d(3),
            snn.Leaky(beta=0.7, init_hidden=True, learn_beta=True),
            nn.Dropout(0.2),
            nn.Flatten(),
            nn.Linear(75, CLASSES),
            snn.Leaky(beta=0.7, init_hidden=True, output=True, reset_mechanism="none"),
        )
        images, labels = torch.rand(BATCH, 2, 7, 7), torch.arange(BATCH) % CLASSES
        criterion = snn.functional.ce_max_membrane_loss()
        numbers = learn(net, lambda: criterion(forward_pass(snn, net, STEPS, images)[1], labels))
        net.eval()
        spk, mem = forward_pass(snn, net, STEPS, images)
        return numbers | {"mem": mem, "running mean": net[1].running_mean}

    same(program)
