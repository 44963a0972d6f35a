"""Tests of the registered maximum over windows: when it is called, and with what."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

import snn_core as snn
from snn_core.engines import products
from snn_core.engines.products import Windows
from snn_core.kernels import register, unregister


class Recorded:
    """Notes the windows it is asked for, and takes them or not."""

    name, device = "recorded", "cpu"

    def __init__(self, takes: bool = True) -> None:
        self._takes = takes
        self.asked: list[Windows] = []

    def takes(self, x: Tensor, windows: Windows) -> bool:
        self.asked.append(windows)
        return self._takes

    def max_pool2d(self, x: Tensor, windows: Windows) -> Tensor:
        return F.max_pool2d(x, *windows) + 1


class Another(TorchFunctionMode):
    """Could do anything to what is called."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


class Routed(TorchFunctionMode):
    """Sends what is called to what is registered, as a plan does."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        call = func if func not in (F.max_pool2d, torch.max_pool2d) else functools.partial(products.max_pool2d, func)
        return call(*args, **(kwargs or {}))


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    record = Recorded()
    register("max_pool2d", record)
    yield record
    unregister("max_pool2d", record)


@pytest.mark.parametrize(
    ("call", "windows"),
    [
        (lambda x: F.max_pool2d(x, 2), Windows((2, 2), (2, 2), (0, 0))),
        (lambda x: F.max_pool2d(input=x, kernel_size=(3, 2), stride=1), Windows((3, 2), (1, 1), (0, 0))),
        (lambda x: F.max_pool2d(x, [3], [2, 1], padding=[1, 0]), Windows((3, 3), (2, 1), (1, 0))),
        (lambda x: torch.max_pool2d(x, 2, (), 1), Windows((2, 2), (2, 2), (1, 1))),
        (nn.MaxPool2d(3, padding=1), Windows((3, 3), (3, 3), (1, 1))),
    ],
    ids=["function", "by name", "lists", "torch", "module"],
)
def test_every_spelling_of_a_window_gives_the_same_windows(recorded: Recorded, call, windows: Windows) -> None:
    x = torch.rand(2, 3, 8, 9)
    with Routed():
        result = call(x)
    assert recorded.asked == [windows]
    assert torch.equal(result, call(x) + 1)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: F.max_pool2d(x, 2, dilation=2),
        lambda x: F.max_pool2d(x, 2, ceil_mode=True),
        lambda x: F.max_pool2d(x, 2, return_indices=True)[0],
        lambda x: F.max_pool2d(x[0], 2),
        lambda x: F.avg_pool2d(x, 2),
        lambda x: F.adaptive_max_pool2d(x, 2),
        lambda x: torch.vmap(lambda image: F.max_pool2d(image, 2))(x),
    ],
    ids=["dilated", "ceiling", "with indices", "one image", "mean", "adaptive", "vmap"],
)
def test_calls_of_another_kind_are_left_to_torch(recorded: Recorded, call) -> None:
    x = torch.rand(2, 3, 8, 9)
    with Routed():
        result = call(x)
    assert recorded.asked == []
    assert torch.equal(result, call(x))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: F.max_pool2d(x, 2, 2, 2), "pad should be at most half"),
        (lambda x: F.max_pool2d(x, 0), "not be zero"),
        (lambda x: F.max_pool2d(x, 2, 0), "not be zero"),
        (lambda x: F.max_pool2d(x, 9), "[Oo]utput size"),
    ],
    ids=["padding", "kernel", "stride", "too large"],
)
def test_calls_that_torch_refuses_are_refused_by_torch(call, message: str) -> None:
    none = Recorded(takes=False)
    register("max_pool2d", none)
    try:
        with Routed(), pytest.raises(RuntimeError, match=message):
            call(torch.rand(2, 3, 8, 8))
    finally:
        unregister("max_pool2d", none)


def test_the_last_registered_match_is_used(recorded: Recorded) -> None:
    last = Recorded(takes=False)
    register("max_pool2d", last)
    try:
        with Routed():
            F.max_pool2d(torch.rand(2, 3, 8, 8), 2)
    finally:
        unregister("max_pool2d", last)
    assert len(last.asked) == len(recorded.asked) == 1
    with pytest.raises(ValueError, match="kernel 'recorded' is not registered"):
        unregister("max_pool2d", last)


def test_autocast_and_other_function_modes_are_left_alone(recorded: Recorded) -> None:
    x = torch.rand(2, 3, 8, 8)
    with torch.autocast("cpu"), Routed():
        F.max_pool2d(x, 2)
    with Another(), Routed():
        F.max_pool2d(x, 2)
    assert recorded.asked == []


def test_only_while_a_net_with_convolutions_runs_layer_by_layer(recorded: Recorded) -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), snn.Leaky(0.5, init_hidden=True))
    xs = torch.rand(4, 3, 1, 8, 8)
    snn.unroll(net, xs, schedule="steps")
    assert recorded.asked == []
    snn.unroll(net, xs)
    assert set(recorded.asked) == {Windows((2, 2), (2, 2), (0, 0))}
