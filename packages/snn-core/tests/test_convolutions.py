"""Implementations registered for convolutions: when they are asked, and with what arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

import snn_core as snn
from snn_core.engines import convolutions
from snn_core.engines.convolutions import Moves, conv2d
from snn_core.kernels import register, unregister


class Recorded:
    """Notes the moves it is asked for, and takes them or not."""

    name, device, gains = "recorded", "cpu", "remembers where called"

    def __init__(self, refusal: str | None = None) -> None:
        self._refusal = refusal
        self.asked: list[Moves] = []

    def refuses(self, x: Tensor, weight: Tensor, bias: Tensor | None, moves: Moves) -> str | None:
        self.asked.append(moves)
        return self._refusal

    def conv2d(self, x: Tensor, weight: Tensor, bias: Tensor | None, moves: Moves) -> tuple[Tensor, str]:
        return F.conv2d(x, weight, bias, *moves), "computed by torch"


class Another(TorchFunctionMode):
    """Could do anything to what is called."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    record = Recorded()
    register("conv2d", record)
    yield record
    unregister("conv2d", record)


WEIGHT = torch.ones(4, 2, 3, 5)


@pytest.mark.parametrize(
    ("options", "moves"),
    [
        ({}, Moves()),
        ({"stride": 2, "padding": 1}, Moves((2, 2), (1, 1))),
        ({"stride": (1, 2), "padding": [0, 3]}, Moves((1, 2), (0, 3))),
        ({"padding": "same"}, Moves(padding=(1, 2))),
        ({"padding": "same", "dilation": (2, 1)}, Moves(padding=(2, 2), dilation=(2, 1))),
        ({"padding": "valid", "dilation": 2}, Moves(dilation=(2, 2))),
        ({"groups": 2}, Moves(groups=2)),
    ],
)
def test_stride_padding_and_dilation_are_passed_on(recorded: Recorded, options: dict[str, Any], moves: Moves) -> None:
    x = torch.rand(3, 2, 11, 12)
    weight = WEIGHT[:, : 2 // options.get("groups", 1)]
    out, reason = conv2d(x, weight, torch.ones(4), **options)
    assert recorded.asked == [moves]
    assert reason == "computed by torch (recorded)"
    assert torch.equal(out, F.conv2d(x, weight, torch.ones(4), **options))


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
def test_padding_that_is_not_the_same_on_both_sides_is_left_to_torch(recorded: Recorded) -> None:
    x, weight = torch.rand(3, 2, 11, 12), WEIGHT[..., :4]
    out, reason = conv2d(x, weight, padding="same")
    assert recorded.asked == []
    assert reason == "dense convolution (padding 'same')"
    assert torch.equal(out, F.conv2d(x, weight, padding="same"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"padding": -1}, "negative padding"),
        ({"padding": "some"}, "padding"),
        ({"stride": 0}, "stride"),
        ({"groups": 3}, "groups"),
    ],
)
def test_calls_that_torch_refuses_are_refused_by_torch(options: dict[str, Any], message: str) -> None:
    none = Recorded("refuses all")
    register("conv2d", none)
    try:
        with pytest.raises((RuntimeError, ValueError), match=message):
            conv2d(torch.rand(3, 2, 11, 12), WEIGHT, **options)
    finally:
        unregister("conv2d", none)


def test_a_call_that_is_not_plain_is_left_to_torch(recorded: Recorded) -> None:
    x = torch.rand(3, 2, 8, 9)
    with torch.autocast("cpu"):
        assert conv2d(x, WEIGHT)[1] == "dense convolution (under autocast)"
    with Another():
        assert conv2d(x, WEIGHT)[1] == "dense convolution (not a plain call on one device)"
    assert torch.vmap(lambda image: conv2d(image, WEIGHT)[0])(x[None]).shape == (1, 3, 4, 6, 5)
    assert recorded.asked == []


def test_a_refusal_says_why_and_the_next_one_is_asked(recorded: Recorded) -> None:
    last = Recorded("made to refuse")
    register("conv2d", last)
    x = torch.rand(3, 2, 8, 9)
    try:
        assert conv2d(x, WEIGHT)[1] == "computed by torch (recorded)"
        unregister("conv2d", recorded)
        assert "recorded: made to refuse" in conv2d(x, WEIGHT)[1]
    finally:
        register("conv2d", recorded)
        unregister("conv2d", last)


class Convolved(nn.Conv2d):
    """One that adds something of its own."""

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return super()._conv_forward(x, weight, bias) + 1


def test_only_layers_with_the_forward_of_torch_are_replaced() -> None:
    assert convolutions.takes(nn.Conv2d(1, 2, 3))
    assert not convolutions.takes(Convolved(1, 2, 3))
    assert not convolutions.takes(nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"))
    assert not convolutions.takes(nn.ConvTranspose2d(1, 2, 3))
    assert not convolutions.takes(torch.compile(nn.Conv2d(1, 2, 3), backend="eager"))
    replaced = nn.Conv2d(1, 2, 3)
    replaced.forward = lambda x: x
    assert not convolutions.takes(replaced)


def test_only_while_a_net_runs_layer_by_layer_and_explain_says_so(recorded: Recorded) -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), snn.Leaky(0.5, init_hidden=True))
    xs = torch.rand(4, 3, 1, 8, 8)
    expected = snn.unroll(net, xs, schedule="steps")
    assert recorded.asked == []
    out, schedule = snn.unroll(net, xs, explain=True)
    assert torch.equal(out, expected)
    assert set(recorded.asked) == {Moves(padding=(1, 1))}
    assert schedule.layers[0].how == "all steps at once; computed by torch (recorded)"
    planned = snn.backends.explain(net, xs)
    assert planned.layers[0].how == "all steps at once; remembers where called (recorded)"
    with torch.autocast("cpu"):
        planned = snn.backends.explain(net, xs)
    assert planned.layers[0].how == "all steps at once; dense convolution (under autocast)"


class Own(nn.Module):
    """Convolves by a function, in a forward of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.spike = nn.Conv2d(1, 2, 3), snn.Leaky(0.5, init_hidden=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.spike(torch.conv2d(x, self.conv.weight, bias=self.conv.bias, stride=2) + self.conv(x)[..., :3, :3])


def test_functions_that_a_forward_of_its_own_calls_are_asked_too(recorded: Recorded) -> None:
    net, xs = Own(), torch.rand(6, 3, 1, 8, 8)
    expected = snn.unroll(net, xs, schedule="steps")
    assert torch.equal(snn.unroll(net, xs), expected)
    assert set(recorded.asked) == {Moves(), Moves(stride=(2, 2))}
