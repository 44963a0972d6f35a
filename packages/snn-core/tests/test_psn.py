"""Parallel spiking neurons beside sums written out from their paper, values and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

from .zoo import close


def smooth(x: Tensor) -> Tensor:
    return torch.sigmoid(4 * x)


def gradients(out: Tensor, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    torch.manual_seed(5)
    return torch.autograd.grad(out, inputs, torch.randn_like(out))


@pytest.mark.parametrize("order", [2, 3, 7, 12])
def test_the_sliding_neuron_weighs_its_last_inputs(order: int) -> None:
    torch.manual_seed(0)
    neuron = snn.SlidingPSN(order, spike_grad=smooth).double()
    weights = [getattr(neuron, f"weight_{i}") for i in range(order)]
    assert [float(w.detach()) for w in weights] == [2.0**-i for i in range(order)]
    xs = torch.randn(9, 3, 5, dtype=torch.float64, requires_grad=True)
    sums = [sum(weights[i] * xs[t - i] for i in range(min(order, t + 1))) - neuron.threshold for t in range(len(xs))]
    expected, (spikes, last) = smooth(torch.stack(sums)), neuron.unroll(xs)
    close(spikes, expected)
    close(last.mem - neuron.threshold, sums[-1])
    pairs = zip(*(gradients(out, [xs, *weights[: len(xs)]]) for out in (spikes, expected)), strict=True)
    for result, reference in pairs:
        torch.testing.assert_close(result, reference, rtol=1e-9, atol=1e-12)


def test_the_sliding_neuron_answers_an_impulse_with_its_weights() -> None:
    neuron = snn.SlidingPSN(order=3)
    xs = torch.zeros(6, 1, 1)
    xs[1] = 1
    _, trace = neuron.unroll(xs, trace=True)
    assert trace.mem.flatten().tolist() == [0, 1, 0.5, 0.25, 0, 0]


@pytest.mark.parametrize("order", [None, 1, 3, 20])
@pytest.mark.parametrize("masking", [0.0, 0.25, 1.0])
def test_the_parallel_neuron_weighs_every_step(order: int | None, masking: float) -> None:
    torch.manual_seed(0)
    neuron = snn.PSN(7, order, masking=masking, spike_grad=smooth).double()
    assert neuron.weight.abs().max() <= 7**-0.5
    assert neuron.bias.tolist() == [-1.0] * 7
    xs = torch.randn(7, 3, 5, dtype=torch.float64, requires_grad=True)
    rows = []
    for t in range(7):
        row = neuron.bias[t]
        for i in range(7):
            inside = order is None or t - order < i <= t
            row = row + neuron.weight[t, i] * xs[i] * (1.0 if inside else 1 - masking)
        rows.append(row)
    expected, spikes = smooth(torch.stack(rows)), neuron(xs)
    close(spikes, expected)
    inputs = [xs, neuron.weight, neuron.bias]
    for result, reference in zip(*(gradients(out, inputs) for out in (spikes, expected)), strict=True):
        torch.testing.assert_close(result, reference, rtol=1e-9, atol=1e-12)


def test_the_masked_neuron_sees_no_later_input() -> None:
    torch.manual_seed(0)
    neuron, xs = snn.PSN(8, order=3), 3 * torch.randn(8, 4, 5)
    changed = xs.clone()
    changed[5:] = 0
    assert neuron(xs)[:5].equal(neuron(changed)[:5])


@pytest.mark.parametrize("order", [None, 3])
def test_a_shorter_sequence_is_as_if_no_input_followed(order: int | None) -> None:
    torch.manual_seed(0)
    neuron, xs = snn.PSN(8, order, spike_grad=smooth), torch.randn(8, 4, 5)
    xs[5:] = 0
    torch.testing.assert_close(neuron(xs[:5]), neuron(xs)[:5])
    lengths = torch.tensor([8, 3, 5, 0])
    padded = torch.randn(8, 4, 5)
    spikes = snn.unroll(neuron, padded, lengths=lengths)
    for sample, length in enumerate(lengths.tolist()):
        if length:
            torch.testing.assert_close(spikes[:length, sample], neuron(padded[:length, sample : sample + 1])[:, 0])


def test_under_unroll_it_gives_what_a_call_gives() -> None:
    torch.manual_seed(0)
    net, xs = nn.Sequential(nn.Linear(3, 4), snn.PSN(8), nn.Linear(4, 2)), 3 * torch.randn(8, 4, 3)
    outs, schedule = snn.unroll(net, xs, explain=True)
    assert schedule.kind == "layers"
    torch.testing.assert_close(outs, net(xs))
    assert net[1](net[0](xs)).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: snn.SlidingPSN(1), "SlidingPSN: order must be a whole number of at least 2, got 1"),
        (lambda: snn.PSN(0), "PSN: num_steps must be a whole number of at least 1, got 0"),
        (lambda: snn.PSN(3, 1.5), "PSN: order must be a whole number of at least 1, got 1.5"),
        (lambda: snn.PSN(3, masking=2.0), "PSN: masking must be between 0 and 1, got 2.0"),
        (lambda: snn.PSN(3)(torch.zeros(4, 1, 1)), "PSN has weights for num_steps=3 steps, got 4"),
        (lambda: snn.PSN(3)(torch.zeros(3, 1)), r"PSN takes a whole sequence \[T, batch, features\]"),
    ],
)
def test_a_misfit_is_an_error_that_names_it(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


class Added(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.spike = nn.Linear(3, 3), snn.PSN(8)

    def forward(self, x: Tensor) -> Tensor:
        return self.spike(self.linear(x) + x)


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_a_forward_of_the_user_gives_it_all_steps_even_if_they_are_few(steps: int) -> None:
    torch.manual_seed(0)
    net, xs = Added(), 3 * torch.randn(steps, 4, 3)
    torch.testing.assert_close(snn.unroll(net, xs), net.spike(net.linear(xs) + xs))
