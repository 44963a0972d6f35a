"""A small net learns real digits through a bundle as well as with the core, and its weights come home."""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import nn

import snn_core as snn
import snn_functional as functional
import snn_ipu

STEPS, EPOCHS, BATCH = 5, 12, 64


def net() -> nn.Module:
    torch.manual_seed(0)
    lif = {"beta": 0.9, "init_hidden": True, "spike_grad": snn.surrogate.fast_sigmoid(slope=10)}
    return nn.Sequential(nn.Linear(64, 48), snn.Leaky(**lif), nn.Linear(48, 10), snn.Leaky(**lif)).double()


def digits() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    pixels, labels = load_digits(return_X_y=True)
    data, targets = torch.as_tensor(pixels).double() / 16, torch.as_tensor(labels)
    order = torch.randperm(len(targets), generator=torch.Generator().manual_seed(0))
    data, targets = data[order], targets[order]
    return data[:1344], targets[:1344], data[1344:], targets[1344:]


def batches(data, targets):
    generator = torch.Generator().manual_seed(1)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(targets), generator=generator).split(BATCH):
            yield data[rows].expand(STEPS, -1, -1), targets[rows]


def adam(trained) -> torch.optim.Optimizer:
    # with a smaller eps the steps of silent weights amplify rounding until the two runs are strangers
    return torch.optim.Adam(trained.parameters(), lr=2e-3, eps=1e-3)


def accuracy(trained: nn.Module, data: torch.Tensor, targets: torch.Tensor) -> float:
    with torch.no_grad():
        counts = snn.unroll(trained, data.expand(STEPS, -1, -1)).sum(0)
    return 100 * (counts.argmax(1) == targets).double().mean().item()


def test_digits_are_learned_through_a_bundle_as_with_the_core(tmp_path):
    data, targets, held_out, answers = digits()

    core = net()
    optimizer = adam(core)
    for xs, labels in batches(data, targets):
        optimizer.zero_grad()
        functional.ce_count_loss()(snn.unroll(core, xs), labels).backward()
        optimizer.step()

    untrained = net()
    snn_ipu.export(untrained, data[:BATCH].expand(STEPS, -1, -1), tmp_path / "bundle", loss="ce_count")
    program = snn_ipu.load(tmp_path / "bundle")
    step = program.training(adam(program))
    for xs, labels in batches(data, targets):
        step(xs.transpose(0, 1), labels)
    program.save(tmp_path / "bundle" / "trained.npz")
    home = net()
    home.load_state_dict(snn_ipu.weights(tmp_path / "bundle" / "trained.npz"))

    expected, result = accuracy(core, held_out, answers), accuracy(home, held_out, answers)
    assert accuracy(untrained, held_out, answers) < 30
    assert expected > 92
    assert abs(result - expected) <= 0.5
    for name, value in core.state_dict().items():
        torch.testing.assert_close(home.state_dict()[name], value, rtol=0, atol=1e-4)
