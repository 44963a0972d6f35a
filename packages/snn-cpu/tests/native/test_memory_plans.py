"""With fused kernels and their pool, ``unroll(net, xs, memory=...)`` takes the memory that it predicted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

import snn_core as snn
from snn_core.sequence.memory_plan import usage

OPTIONS = {"beta": 0.9, "init_hidden": True}


def leaky() -> snn.Leaky:
    return snn.Leaky(**OPTIONS)


def dense(width: int, neuron: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(width, width), neuron, nn.Linear(width, 10), leaky())


def deep(width: int) -> nn.Module:
    return nn.Sequential(*(layer for _ in range(5) for layer in (nn.Linear(width, width), leaky())))


def convolutional() -> nn.Module:
    first = nn.Conv2d(1, 8, 5), leaky(), nn.MaxPool2d(2)
    return nn.Sequential(
        *first, nn.Conv2d(8, 16, 5), leaky(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 10), leaky()
    )


NETS: dict[str, Callable[[int], nn.Module]] = {
    "Leaky": lambda w: dense(w, leaky()),
    "Synaptic": lambda w: dense(w, snn.Synaptic(alpha=0.8, **OPTIONS)),
    "RLeaky": lambda w: dense(w, snn.RLeaky(linear_features=w, reset_mechanism="zero", **OPTIONS)),
    "deep": deep,
}
SIZES = [
    (50, 1, 7, torch.float32),
    (2000, 1, 64, torch.float64),
    (2000, 16, 64, torch.float32),
    (300, 64, 128, torch.float64),
    (60, 64, 512, torch.float32),
]


def measured(net: nn.Module, xs: Tensor, **options: Any) -> int:
    """The most bytes that tensors take in the whole of the forward and backward pass."""
    snn.utils.reset(net)
    net.zero_grad(set_to_none=True)

    def backward(out: Any) -> None:
        torch.stack([o.sum() for o in tree_flatten(out)[0]]).sum().backward()

    return usage(lambda: snn.unroll(net, xs, **options), backward).peak


def check(net: nn.Module, xs: Tensor) -> None:
    plan = snn.plan_memory(net, xs)
    assert plan.least_bytes is not None
    assert plan.whole_bytes == pytest.approx(measured(net, xs), rel=0.15)
    for share in (0, 0.3, 0.8):
        budget = int(plan.least_bytes + share * (plan.whole_bytes - plan.least_bytes))
        chosen = snn.plan_memory(net, xs, budget)
        assert chosen.predicted_bytes <= budget
        assert chosen.predicted_bytes == pytest.approx(measured(net, xs, chunk=chosen.chunk), rel=0.15)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(("steps", "batch", "width", "dtype"), SIZES)
def test_the_prediction_is_what_is_then_measured(
    name: str, steps: int, batch: int, width: int, dtype: torch.dtype
) -> None:
    check(NETS[name](width).to(dtype), torch.rand(steps, batch, width, dtype=dtype))


@pytest.mark.parametrize(
    ("steps", "batch", "dtype"), [(50, 1, torch.float32), (500, 2, torch.float64), (60, 32, torch.float32)]
)
def test_convolutions_that_see_blocks_of_steps_do_the_same(steps: int, batch: int, dtype: torch.dtype) -> None:
    check(convolutional().to(dtype), torch.rand(steps, batch, 1, 28, 28, dtype=dtype))
