"""Twenty steps of training: ``unroll`` and the loop, from the same start, have the same losses all the way."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

STEPS, BATCH, TIME = 20, 6, 9


def lif(**options) -> snn.Leaky:
    return snn.Leaky(beta=0.8, threshold=0.4, init_hidden=True, **options)


class Own(nn.Module):
    """A forward of its own, with a learned decay."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(10, 12), nn.Linear(12, 3)
        self.first = snn.Synaptic(alpha=0.7, beta=0.8, learn_beta=True, threshold=0.4, init_hidden=True)
        self.second = lif(output=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.second(self.two(self.first(torch.relu(self.one(x)) + 0.1)))


def dense(p: float = 0.0) -> nn.Sequential:
    return nn.Sequential(nn.Linear(10, 12), lif(), nn.Dropout(p), nn.Linear(12, 3), lif(output=True))


def images() -> nn.Sequential:
    layers = nn.Unflatten(1, (1, 2, 5)), nn.Conv2d(1, 4, 3, padding=1), lif(), nn.MaxPool2d((1, 2))
    return nn.Sequential(*layers, nn.Conv2d(4, 5, (2, 1)), lif(), nn.Flatten(), nn.Linear(10, 3), lif(output=True))


def recurrent() -> nn.Sequential:
    layers = nn.Linear(10, 12), snn.RLeaky(beta=0.8, linear_features=12, threshold=0.4, init_hidden=True)
    return nn.Sequential(*layers, nn.Linear(12, 3), lif(output=True))


def hooked() -> nn.Sequential:
    net = dense()
    net[1].register_forward_hook(lambda module, args, out: 0.5 * out)
    return net


NETS: dict[str, Callable[[], nn.Module]] = {"dense": dense, "images": images, "recurrent": recurrent, "own": Own}
NETS |= {"hooked": hooked, "dropout": lambda: dense(0.4)}


def _still(x: Tensor) -> Tensor:
    return x[0].expand(TIME, *x.shape[1:])


INPUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "changing": lambda x: x,
    "one step expanded": _still,
    "one step repeated": lambda x: _still(x).contiguous(),
    "one sample expanded": lambda x: x[:, :1].expand(-1, BATCH, -1),
    "one pixel expanded": lambda x: x[..., :1].expand(-1, -1, 10),
    "time behind the batch": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    "every second pixel": lambda x: torch.cat([x, x], -1)[..., ::2],
}
WAYS: dict[str, dict] = {
    "all at once": {},
    "chunks": {"chunk": 4},
    "lengths": {"lengths": [9, 3, 0, 7, 9, 1]},
    "lengths and chunks": {"lengths": [9, 3, 0, 7, 9, 1], "chunk": 4},
}


def losses(net: nn.Module, xs: Tensor, of_input: bool, **options) -> list[float]:
    """Train for some steps, the last membranes and all spikes in the loss, and with it the input's own gradient."""
    torch.manual_seed(1)
    optimizer, losses = torch.optim.Adam(net.parameters(), lr=0.02), []
    labels = torch.arange(BATCH) % 3
    moved = xs
    for _ in range(STEPS):
        moved = moved.detach().requires_grad_(of_input)
        spk, mem = snn.unroll(net, moved, **options)
        loss = nn.functional.cross_entropy(spk.sum(0) + mem.mean(0), labels) + 0.01 * (spk.mean(0) - 0.3).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if of_input:
            assert moved.grad is not None
            moved = moved - 0.1 * moved.grad
    return losses


def pair(net: str, inputs: str, dtype: torch.dtype) -> tuple[nn.Module, nn.Module, Tensor]:
    torch.manual_seed(0)
    model = NETS[net]().to(dtype)
    return model, copy.deepcopy(model), INPUTS[inputs](2 * torch.rand(TIME, BATCH, 10, dtype=dtype))


@pytest.mark.parametrize("of_input", [False, True], ids=["", "gradients of the input"])
@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize("net", NETS)
def test_losses_are_those_of_the_loop(net: str, inputs: str, of_input: bool) -> None:
    model, twin, xs = pair(net, inputs, torch.float64)
    result, expected = losses(model, xs, of_input), losses(twin, xs, of_input, schedule="steps")
    assert result == pytest.approx(expected, rel=1e-9)
    assert result[-1] < result[0]


@pytest.mark.exhaustive
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("inputs", ["changing", "one step expanded"])
@pytest.mark.parametrize("net", NETS)
def test_losses_are_those_of_the_loop_in_other_ways(net: str, inputs: str, way: str) -> None:
    model, twin, xs = pair(net, inputs, torch.float64)
    lengths = {name: value for name, value in WAYS[way].items() if name == "lengths"}
    result, expected = losses(model, xs, False, **WAYS[way]), losses(twin, xs, False, schedule="steps", **lengths)
    if net == "dropout" and way != "all at once":  # each way draws masks in an order of its own
        assert result[-1] < result[0]
    else:
        assert result == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("inputs", ["changing", "one step expanded"])
@pytest.mark.parametrize("net", NETS)
def test_in_float32_losses_differ_by_rounding(net: str, inputs: str) -> None:
    model, twin, xs = pair(net, inputs, torch.float32)
    assert losses(model, xs, False) == pytest.approx(losses(twin, xs, False, schedule="steps"), rel=1e-4)
