"""Neurons that take the whole sequence: columns of filters, learnable time constants, layers without a loop."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from .both import equal, learn, run, same, some_fire

STEPS, BATCH = 9, 3


def net_of(snn: Any) -> nn.Sequential:
    return nn.Sequential(
        snn.LeakyParallel(input_size=6, hidden_size=8, threshold=0.1),
        snn.LeakyParallel(input_size=8, hidden_size=4, beta=0.5, learn_beta=True, threshold=0.05),
    )


def test_layers_without_a_loop_learn() -> None:
    def program(snn: Any) -> dict[str, Any]:
        net, xs, labels = net_of(snn), 3 * torch.rand(STEPS, BATCH, 6), torch.arange(BATCH)
        criterion = snn.functional.ce_count_loss()
        return {"spk": some_fire(net(xs)), **learn(net, lambda: criterion(net(xs), labels))}

    same(program)


@pytest.mark.parametrize("learn_beta", [False, True])
def test_a_filter_a_channel_loads_from_the_peer(learn_beta: bool) -> None:
    """Documented: the peer decays by exp(-1 / tau), which is what its weights mean here too, once loaded."""
    xs = torch.rand(STEPS, BATCH, 4)
    saved: list[Any] = []

    def program(snn: Any) -> dict[str, Any]:
        layer = snn.StateLeaky(torch.tensor([0.5, 0.7, 0.8, 0.9]), channels=4, learn_beta=learn_beta, threshold=0.8)
        before = layer(xs)[1].detach()
        saved.append(layer)
        if len(saved) == 2:
            saved[0].load_state_dict(layer.state_dict())
        return {"mem": before}

    result, expected = run(program)
    assert float((result["mem"] - expected["mem"]).abs().max()) > 0.05
    (spk, mem), (their_spk, their_mem) = (layer(xs) for layer in saved)
    equal("spk", some_fire(spk), their_spk)
    equal("mem", mem, their_mem)


def test_one_beta_filters_every_channel() -> None:
    def program(snn: Any) -> dict[str, Any]:
        layer = snn.StateLeaky(beta=0.75, channels=4, output=False)
        xs = torch.rand(STEPS, BATCH, 4)
        return {"first": layer(xs)[0], "shape": list(layer(xs).shape)}

    same(program)


def test_one_channel_stands_for_many_neurons() -> None:
    def program(snn: Any) -> dict[str, Any]:
        layer = snn.StateLeaky(beta=torch.tensor(0.5), channels=1, threshold=2.0)
        layer.load_state_dict({**layer.state_dict(), "tau": torch.tensor(3.0)})
        spk, mem = layer(torch.rand(STEPS, BATCH, 40))
        return {"spk": some_fire(spk), "mem": mem}

    same(program)


def test_a_filter_over_images_as_columns() -> None:
    """Pixels and batch in one axis, and back."""

    def program(snn: Any) -> dict[str, Any]:
        conv, layer = nn.Conv2d(1, 2, 3), snn.StateLeaky(beta=torch.tensor([0.0, 0.0]), channels=2, threshold=1.5)
        nn.init.uniform_(conv.weight)
        xs = torch.rand(STEPS, BATCH, 1, 5, 5) - 0.4
        maps = torch.stack([conv(x) for x in xs])
        columns = maps.permute(0, 1, 3, 4, 2).reshape(STEPS, -1, 2)
        with torch.no_grad():
            layer.load_state_dict({**layer.state_dict(), "tau": torch.tensor([2.0, 5.0])})
        spk, mem = layer(columns)
        return {"spk": some_fire(spk), "mem": mem.reshape(STEPS, BATCH, 3, 3, 2)}

    same(program)


def test_a_time_constant_is_learned() -> None:
    """A program that reads and writes ``tau`` as the peer's parameter."""

    def program(snn: Any) -> dict[str, Any]:
        torch.manual_seed(1)
        layer = snn.LinearLeaky(torch.tensor([0.5, 0.8]), in_features=3, out_features=2, learn_beta=True, output=False)
        layer.load_state_dict({**layer.state_dict(), "tau": torch.tensor([2.0, 5.0])})
        xs, target = torch.rand(STEPS, BATCH, 3), torch.rand(STEPS, BATCH, 2)
        loss = nn.functional.mse_loss(layer(xs), target)
        loss.backward()
        return {"loss": loss, "weight": layer.linear.weight.grad}

    same(program)
