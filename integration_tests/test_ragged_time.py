"""Batches of sequences of unequal length through net, loss and accuracy: padded equals unpadded."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import snn_core as snn
from snn_functional import acc, loss

pytestmark = pytest.mark.needs("snn-core", "snn-functional")

NUM_STEPS, FEATURES, CLASSES = 8, 5, 4
NETS: dict[str, Callable[[], nn.Module]] = {
    "feed-forward": lambda: nn.Sequential(nn.Linear(FEATURES, 7), leaky(), nn.Linear(7, CLASSES), leaky(output=True)),
    "recurrent": lambda: nn.Sequential(
        nn.Linear(FEATURES, 7),
        snn.RLeaky(0.8, linear_features=7, threshold=0.25, init_hidden=True, learn_beta=True),
        snn.SLSTM(7, 6, threshold=0.05, init_hidden=True),
        nn.Linear(6, CLASSES),
        leaky(output=True),
    ),
    "whole sequences": lambda: nn.Sequential(
        snn.LeakyParallel(FEATURES, 7, beta=0.8, threshold=0.25, learn_beta=True),
        snn.LinearLeaky(0.8, 7, CLASSES, threshold=0.25, learn_beta=True),
    ),
}
# loss, and which output of the net it takes
LOSSES: dict[str, tuple[Callable[..., Any], int]] = {
    "ce_rate_loss": (loss.ce_rate_loss, 0),
    "ce_count_loss": (loss.ce_count_loss, 0),
    "mse_count_loss": (lambda **o: loss.mse_count_loss(correct_rate=0.75, incorrect_rate=0.25, **o), 0),
    "mse_temporal_loss": (loss.mse_temporal_loss, 0),
    "ce_temporal_loss": (loss.ce_temporal_loss, 0),
    "ce_max_membrane_loss": (loss.ce_max_membrane_loss, 1),
    "mse_membrane_loss": (loss.mse_membrane_loss, 1),
}
WAYS: dict[str, dict[str, Any]] = {"layers": {}, "steps": {"schedule": "steps"}, "chunks": {"chunk": 3}}


def leaky(**options: Any) -> snn.Leaky:
    return snn.Leaky(
        0.8, threshold=0.25, init_hidden=True, learn_beta=True, learn_threshold=True, spike_grad=GRADIENT, **options
    )


GRADIENT = snn.surrogate.fast_sigmoid(slope=5)


def batch(lengths: list[int], seed: int = 0) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    xs = 1.5 * torch.randn(NUM_STEPS, len(lengths), FEATURES, generator=draw, dtype=torch.float64)
    return xs, torch.randint(0, CLASSES, (len(lengths),), generator=draw)


def padded(xs: Tensor, lengths: list[int], value: float) -> Tensor:
    after = torch.arange(len(xs)).unsqueeze(1) >= torch.tensor(lengths)
    return xs.masked_fill(after.unsqueeze(-1), value).requires_grad_()


def built(name: str) -> nn.Module:
    torch.manual_seed(0)
    return NETS[name]().double()


def close(left: Any, right: Any) -> None:
    torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(("make", "output"), LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("name", NETS)
@settings(max_examples=4, derandomize=True, deadline=None, database=None)
@given(data=st.data())
def test_a_loss_and_its_gradients_are_those_of_the_samples_one_by_one(name, make, output, options, data) -> None:
    if name == "whole sequences" and options:
        with pytest.raises(ValueError, match="takes the whole sequence at once"):
            snn.unroll(built(name), batch([1, 2])[0], lengths=[1, 2], **options)
        return
    lengths = data.draw(st.lists(st.integers(1, NUM_STEPS), min_size=1, max_size=5))
    value = data.draw(st.sampled_from([0.0, 3.0, math.nan, math.inf]))
    net, (xs, labels) = built(name), batch(lengths, seed=len(lengths))
    given_xs = padded(xs, lengths, value)
    whole = make(reduction="none")(
        snn.unroll(net, given_xs, lengths=lengths, **options)[output], labels, lengths=lengths
    )
    inputs = [given_xs, *net.parameters()]
    gradients = torch.autograd.grad(whole.sum(), inputs, allow_unused=True)

    xs.requires_grad_()
    alone = [
        make(reduction="none")(snn.unroll(net, xs[:n, b : b + 1], **options)[output], labels[b : b + 1])
        for b, n in enumerate(lengths)
    ]
    close(whole, torch.cat(alone))
    expected_gradients = torch.autograd.grad(torch.cat(alone).sum(), [xs, *net.parameters()], allow_unused=True)
    for result, expected in zip(gradients, expected_gradients, strict=True):
        assert (result is None) == (expected is None)
        if result is not None:
            close(result, expected)


@pytest.mark.parametrize("measure", [acc.accuracy_rate, acc.accuracy_temporal])
def test_an_accuracy_is_the_mean_of_the_samples_one_by_one(measure) -> None:
    net, lengths = built("feed-forward"), [3, 8, 1, 5, 6]
    xs, labels = batch(lengths)
    with torch.no_grad():
        spk, _ = snn.unroll(net, padded(xs, lengths, math.nan), lengths=lengths)
        alone = [measure(snn.unroll(net, xs[:n, b : b + 1])[0], labels[b : b + 1]) for b, n in enumerate(lengths)]
    assert measure(spk, labels, lengths=lengths) == pytest.approx(sum(alone) / len(alone))


def test_counts_need_no_lengths_since_nothing_fires_after_the_end() -> None:
    net, lengths = built("feed-forward"), [3, 8, 1]
    xs, labels = batch(lengths)
    spk, _ = snn.unroll(net, padded(xs, lengths, math.nan), lengths=lengths)
    assert spk.sum() > 0
    close(loss.ce_count_loss()(spk, labels), loss.ce_count_loss()(spk, labels, lengths=lengths))


def test_a_net_trains_on_padded_batches_as_on_the_samples_alone() -> None:
    lengths = [3, 8, 1, 5]
    xs, labels = batch(lengths)
    nets = built("recurrent"), built("recurrent")
    optimizers = [torch.optim.SGD(net.parameters(), lr=0.1) for net in nets]
    for _ in range(5):
        spk, _ = snn.unroll(nets[0], padded(xs, lengths, math.inf), lengths=lengths)
        loss.ce_rate_loss(reduction="sum")(spk, labels, lengths=lengths).backward()
        for b, n in enumerate(lengths):
            spk, _ = snn.unroll(nets[1], xs[:n, b : b + 1])
            loss.ce_rate_loss(reduction="sum")(spk, labels[b : b + 1]).backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    close(dict(nets[0].named_parameters()), dict(nets[1].named_parameters()))
