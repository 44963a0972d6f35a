"""The spiking LSTMs against torch's own cell, and against gates written out by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import snn_core as snn

from .zoo import close


def lstm_loop(
    cell: nn.LSTMCell, xs: Tensor, threshold: float, reset: str, delay: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Spikes, last h and last c of an LSTM cell whose h is reset by its spikes."""
    h = c = torch.zeros(xs.shape[1], cell.hidden_size, dtype=xs.dtype)
    spks = []
    for x in xs:
        fired = (h > threshold).to(h.dtype)
        h, c = cell(x, (h, c))
        if delay:
            h = reset_by(h, fired, threshold, reset)
        spk = (h > threshold).to(h.dtype)
        if not delay:
            h = reset_by(h, spk, threshold, reset)
        spks.append(spk)
    return torch.stack(spks), h, c


def reset_by(h: Tensor, fired: Tensor, threshold: float, reset: str) -> Tensor:
    return {"subtract": h - fired * threshold, "zero": h * (1 - fired), "none": h}[reset]


@pytest.mark.parametrize("delay", [True, False])
@pytest.mark.parametrize("reset", ["none", "subtract", "zero"])
def test_slstm_is_an_lstm_cell_whose_hidden_state_fires(reset: str, delay: bool) -> None:
    neuron = snn.SLSTM(5, 3, threshold=0.0625, reset_mechanism=reset, reset_delay=delay).double()
    cell = nn.LSTMCell(5, 3).double()
    cell.load_state_dict(neuron.lstm_cell.state_dict())
    xs = torch.randn(20, 4, 5, dtype=torch.float64)
    spk, last = neuron.unroll(xs)
    expected, h, c = lstm_loop(cell, xs, 0.0625, reset, delay)
    assert 0 < expected.mean() < 1
    assert torch.equal(spk, expected)
    close((last.mem, last.syn), (h, c))


def test_slstm_returns_cell_then_hidden_state_and_defaults_to_no_reset() -> None:
    neuron = snn.SLSTM(5, 3)
    spk, syn, mem = neuron(torch.randn(2, 5))
    assert neuron.reset_mechanism == "none"
    assert spk.shape == syn.shape == mem.shape == (2, 3)
    assert mem.abs().max() < 1


def test_slstm_keeps_its_state_when_input_and_hidden_sizes_differ() -> None:
    x = torch.randn(2, 5)
    neuron = snn.SLSTM(5, 7, init_hidden=True, output=True)
    first, second = neuron(x), neuron(x)
    assert not torch.allclose(first[2], second[2])


def test_slstm_without_bias_has_none() -> None:
    assert set(dict(snn.SLSTM(3, 5, bias=False).named_parameters())) == {"lstm_cell.weight_ih", "lstm_cell.weight_hh"}


def conv_loop(neuron: snn.SConv2dLSTM, xs: Tensor, pool, reset: str) -> tuple[Tensor, Tensor, Tensor]:
    weight, bias = neuron.conv.weight, neuron.conv.bias
    channels = weight.shape[0] // 4
    h = c = torch.zeros(xs.shape[1], channels, *xs.shape[3:], dtype=xs.dtype)
    spks = []
    for x in xs:
        fired = (h > 0.0625).to(h.dtype)
        gates = functional.conv2d(torch.cat([x, h], dim=1), weight, bias, padding=weight.shape[-1] // 2)
        i, f, o, g = (gates[:, n * channels : (n + 1) * channels] for n in range(4))
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = reset_by(torch.sigmoid(o) * torch.tanh(c), fired, 0.0625, reset)
        spks.append((pool(h) > 0.0625).to(h.dtype))
    return torch.stack(spks), h, c


@pytest.mark.parametrize("reset", ["none", "subtract", "zero"])
@pytest.mark.parametrize(
    ("options", "pool"),
    [
        ({}, lambda h: h),
        ({"max_pool": 2}, lambda h: functional.max_pool2d(h, 2)),
        ({"avg_pool": 3}, lambda h: functional.avg_pool2d(h, 3)),
    ],
    ids=["unpooled", "max_pool", "avg_pool"],
)
def test_sconv2dlstm_is_its_gates_and_pools_only_what_fires(options, pool, reset: str) -> None:
    neuron = snn.SConv2dLSTM(2, 3, 3, threshold=0.0625, reset_mechanism=reset, **options).double()
    xs = torch.randn(7, 3, 2, 6, 7, dtype=torch.float64)
    spk, last = neuron.unroll(xs)
    expected, h, c = conv_loop(neuron, xs, pool, reset)
    assert 0 < expected.mean() < 1
    assert torch.equal(spk, expected)
    close((last.mem, last.syn), (h, c))


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_sconv2dlstm_reset_at_once_acts_on_the_unpooled_hidden_state(reset: str) -> None:
    options = {"max_pool": 2, "threshold": 0.0625}
    neuron = snn.SConv2dLSTM(2, 3, 3, reset_mechanism=reset, reset_delay=False, **options).double()
    plain = snn.SConv2dLSTM(2, 3, 3, reset_mechanism="none", **options).double()
    plain.load_state_dict(neuron.state_dict())
    plain.reset_mechanism = "none"
    x = torch.randn(3, 2, 6, 6, dtype=torch.float64)
    spk, state = neuron.step(x, None)
    spk_plain, h = plain.step(x, None)
    close(spk, spk_plain)
    close(state.mem, reset_by(h.mem, (h.mem > 0.0625).double(), 0.0625, reset))


def test_both_pools_at_once_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"SConv2dLSTM.*max_pool.*avg_pool"):
        snn.SConv2dLSTM(2, 3, 3, max_pool=2, avg_pool=2)


def test_an_even_kernel_cannot_keep_the_size_of_the_state() -> None:
    # padding k // 2 of an even kernel grows the image by one each step
    with pytest.raises(ValueError, match=r"SConv2dLSTM.*kernel_size"):
        snn.SConv2dLSTM(2, 3, 4)(torch.randn(1, 2, 5, 5))


def test_a_kernel_need_not_be_square() -> None:
    neuron = snn.SConv2dLSTM(2, 3, (3, 5))
    spk, syn, mem = neuron(torch.randn(1, 2, 7, 5))
    assert spk.shape == syn.shape == mem.shape == (1, 3, 7, 5)


@pytest.mark.parametrize(
    ("neuron", "shape"), [(snn.SLSTM(5, 7), (3, 6)), (snn.SConv2dLSTM(2, 3, 3), (3, 5, 7, 7))], ids=["slstm", "conv"]
)
def test_input_of_the_wrong_size_is_an_error(neuron: snn.SpikingNeuron, shape: tuple[int, ...]) -> None:
    with pytest.raises((ValueError, RuntimeError)):
        neuron(torch.randn(shape))


def test_an_lstm_state_of_the_inputs_size_names_the_hidden_size() -> None:
    with pytest.raises(ValueError, match=r"SLSTM.*3, 5.*3, 7"):
        snn.SLSTM(5, 7)(torch.randn(3, 5), torch.zeros(3, 5), torch.zeros(3, 5))
