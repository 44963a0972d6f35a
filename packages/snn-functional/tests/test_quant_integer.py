"""Nets of integers beside the quantized nets of floating point that they stand for: bit for bit."""

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize
from torch.utils._python_dispatch import TorchDispatchMode

import snn_core as snn
from snn_functional import quant

from .bad_quantization import wide_layer

RESETS = ["subtract", "zero", "none"]


def rounded(layer, *, bits=5, axis=None, gain=1.0):
    """A layer whose weight and bias are on power-of-two grids, made ``gain`` times louder than torch makes it."""
    with torch.no_grad():
        layer.weight *= gain
    parametrize.register_parametrization(layer, "weight", quant.weight_quant(bits, axis, power_of_two=True))
    if layer.bias is not None:
        parametrize.register_parametrization(layer, "bias", quant.weight_quant(bits, power_of_two=True))
    return layer


def leaky(beta=0.75, grid=None, **options):
    grid = quant.fixed_point(8, 4) if grid is None else grid
    return snn.Leaky(beta=beta, init_hidden=True, state_quant=grid, **options)


def on_its_grid(outputs, fraction_bits):
    """Integers of a net as floating-point numbers."""
    if isinstance(outputs, tuple):
        return tuple(on_its_grid(o, f) for o, f in zip(outputs, fraction_bits, strict=True))
    return outputs.double() / 2**fraction_bits


def assert_same_bits(net, xs, inputs=None):
    """Both nets over a sequence, every step compared without tolerance; returns the spikes."""
    on_integers = quant.integer(net, inputs)
    snn.utils.reset(net)
    spikes = []
    with torch.no_grad():
        for x in xs if inputs is None else inputs(xs):
            expected = net(x)
            actual = on_its_grid(
                on_integers(x.long() if inputs is None else inputs.integers(x)), on_integers.fraction_bits
            )
            pairs = zip(actual, expected, strict=True) if isinstance(expected, tuple) else [(actual, expected)]
            for result, reference in pairs:
                assert torch.equal(result, reference.double())
            spikes.append(expected[0] if isinstance(expected, tuple) else expected)
    return torch.stack(spikes)


@settings(deadline=None, max_examples=150)
@given(
    weight_bits=st.integers(2, 6),
    state_bits=st.integers(4, 9),
    state_fraction=st.integers(1, 5),
    rounding=st.sampled_from(["nearest", "floor"]),
    beta=st.integers(0, 16).map(lambda b: b / 16),
    threshold=st.integers(1, 6).map(lambda t: t / 2),
    reset=st.sampled_from(RESETS),
    delay=st.booleans(),
    axis=st.sampled_from([None, 0]),
    width=st.integers(1, 9),
    steps=st.integers(1, 6),
    batch=st.integers(0, 3),
    seed=st.integers(0, 999),
)
def test_a_dense_net_gives_the_same_bits(
    weight_bits, state_bits, state_fraction, rounding, beta, threshold, reset, delay, axis, width, steps, batch, seed
):
    torch.manual_seed(seed)
    grid = quant.fixed_point(state_bits, state_fraction, rounding)
    options = {"reset_mechanism": reset, "reset_delay": delay, "threshold": threshold}
    net = nn.Sequential(
        rounded(nn.Linear(7, width), bits=weight_bits, axis=axis, gain=3),
        leaky(beta, grid, **options),
        rounded(nn.Linear(width, 3, bias=False), bits=weight_bits, gain=3),
        leaky(beta, grid, output=True, **options),
    )
    inputs = quant.fixed_point(6, 3)
    assert_same_bits(net, 2 * torch.randn(steps, batch, 7), inputs)


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("delay", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_convolutional_net_gives_the_same_bits(reset, delay, dtype):
    torch.manual_seed(0)
    options = {"reset_mechanism": reset, "reset_delay": delay, "threshold": 0.5}
    block = nn.Sequential(
        rounded(nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2), axis=0),
        leaky(torch.tensor([0.5, 0.75, 0.875, 1.0]).view(4, 1, 1), **options),
    )
    net = nn.Sequential(
        block,
        nn.MaxPool2d(2),
        rounded(nn.Conv2d(4, 3, 3, padding="same", dilation=2, bias=False), gain=3),
        leaky(0.875, quant.fixed_point(9, 5, "floor"), graded_spikes_factor=1.5, **options),
        nn.Flatten(),
        rounded(nn.Linear(3 * 3 * 2, 5), gain=5),
        leaky(0.5, output=True, **options),
    ).to(dtype)
    spikes = assert_same_bits(net, (torch.rand(9, 3, 2, 13, 9) < 0.6).to(dtype))
    assert 0.02 < spikes.mean() < 0.98


def test_a_sequence_of_one_axis_gives_the_same_bits():
    torch.manual_seed(0)
    net = nn.Sequential(
        rounded(nn.Conv1d(2, 3, 3, padding=1), gain=2), leaky(threshold=0.5), nn.MaxPool1d(2), nn.Identity()
    )
    assert assert_same_bits(net, (torch.rand(7, 3, 2, 11) < 0.6).float()).mean() > 0.05


def test_a_net_that_ends_in_sums_gives_the_same_bits():
    torch.manual_seed(0)
    net = nn.Sequential(leaky(0.5), rounded(nn.Linear(7, 3)))
    assert_same_bits(net, torch.rand(6, 4, 7), quant.fixed_point(8, 5))


def test_rounded_constants_of_a_neuron_give_the_same_bits():
    lif = leaky(0.9, threshold=0.7, learn_beta=True, learn_threshold=True, output=True)
    for name, bits in (("beta", 8), ("threshold", 4)):
        parametrize.register_parametrization(lif, name, quant.weight_quant(9, fraction_bits=bits))
    torch.manual_seed(0)
    assert assert_same_bits(lif, torch.rand(20, 3, 5), quant.fixed_point(8, 6)).mean() > 0.1


def test_a_trained_net_gives_the_same_bits():
    torch.manual_seed(0)
    x = (torch.rand(40, 6) < 0.5).float()
    labels = (x[:, 0] > 0).long()
    net = nn.Sequential(rounded(nn.Linear(6, 12), axis=0), leaky(), rounded(nn.Linear(12, 2), axis=0), leaky())
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    xs = x.expand(8, 40, 6)
    for _ in range(40):
        optimizer.zero_grad()
        nn.functional.cross_entropy(snn.unroll(net, xs).sum(0), labels).backward()
        optimizer.step()
    counts = assert_same_bits(net, xs).sum(0)
    assert (counts.argmax(1) == labels).float().mean() > 0.9


def test_unroll_runs_integers_and_gives_the_same_bits():
    torch.manual_seed(0)
    net = nn.Sequential(rounded(nn.Linear(7, 5)), leaky(threshold=0.5, output=True))
    xs = (torch.rand(11, 3, 7) < 0.5).float()
    on_integers = quant.integer(net)
    spk, mem = snn.unroll(on_integers, xs.long())
    expected = snn.unroll(net, xs)
    assert spk.dtype == mem.dtype == torch.int64
    assert on_integers.fraction_bits == (0, 4)
    assert torch.equal(spk.float(), expected[0])
    assert torch.equal(mem / 16, expected[1])
    # from rest again, and in two parts
    first = snn.unroll(on_integers, xs[:4].long())[0]
    rest = snn.unroll(on_integers, xs[4:].long(), resume=True)[0]
    assert torch.equal(torch.cat([first, rest]), spk)


class OnlyIntegers(TorchDispatchMode):
    """Refuses every operation that returns a floating-point tensor."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        assert not (isinstance(out, torch.Tensor) and out.is_floating_point()), func
        return out


def test_samples_that_end_earlier_give_the_same_bits():
    torch.manual_seed(0)
    net = nn.Sequential(rounded(nn.Linear(5, 7), gain=3), leaky(), rounded(nn.Linear(7, 3), gain=3), leaky(0.5))
    xs, lengths = (torch.rand(9, 4, 5) < 0.5).float(), torch.tensor([9, 2, 5, 1])
    with torch.no_grad():
        expected = snn.unroll(net, xs, lengths=lengths)
        actual = snn.unroll(quant.integer(net), xs.long(), lengths=lengths)
    assert 0 < expected.count_nonzero() < expected.numel() / 2
    assert torch.equal(actual, expected.long())


def test_nothing_in_it_is_floating_point():
    torch.manual_seed(0)
    net = nn.Sequential(rounded(nn.Conv2d(1, 2, 3)), leaky(), nn.MaxPool2d(2), nn.Flatten(), rounded(nn.Linear(8, 3)))
    on_integers = quant.integer(net)
    assert {b.dtype for b in on_integers.buffers()} == {torch.int64}
    assert list(on_integers.parameters()) == []
    with OnlyIntegers():
        for _ in range(3):
            on_integers(torch.ones(2, 1, 6, 6, dtype=torch.int32))


@pytest.mark.parametrize("make", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))])
def test_a_copy_goes_on_where_it_was(make):
    on_integers = quant.integer(leaky(output=True))
    on_integers(torch.ones(2, 3, dtype=torch.long))
    twin = make(on_integers)
    for a, b in zip(on_integers(torch.ones(2, 3).long()), twin(torch.ones(2, 3).long()), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("value", [-(2**63), 2**63 - 1, -(2**31), 1 - 2**63, 129])
def test_an_integer_that_is_too_large_is_refused_whatever_its_size(value):
    on_integers = quant.integer(leaky(output=True), quant.fixed_point(8, 3))
    with pytest.raises(ValueError, match=f"an integer of magnitude {abs(value)}, but this net takes up to 128"):
        on_integers(torch.tensor([[3, value]]))
    on_integers(torch.tensor([[-128, 127]]))


def test_the_float_net_is_unchanged():
    net = leaky(output=True)
    net(torch.ones(1, 1))
    mem = net.mem.clone()
    quant.integer(net)(torch.ones(3, 5).long())
    assert torch.equal(net.mem, mem)


def test_halves_go_to_the_even_neighbor_of_either_sign():
    # beta = 1/2 of the integers -5..5 with no input: the even one of two neighbors
    lif = leaky(0.5, quant.fixed_point(8, 0), threshold=100, output=True)
    on_integers = quant.integer(lif, quant.fixed_point(8, 0))
    on_integers(torch.arange(-5, 6).unsqueeze(0))
    assert on_integers(torch.zeros(1, 11).long())[1].tolist() == [[-2, -2, -2, -1, 0, 0, 0, 1, 2, 2, 2]]


def test_a_wider_dtype_takes_what_was_too_large():
    quant.integer(wide_layer(2.0**24).double())
    lif = leaky(0.75, quant.fixed_point(24, 8), output=True).double()
    torch.manual_seed(0)
    assert_same_bits(lif, 999 * torch.randn(9, 5, dtype=torch.float64), quant.fixed_point(20, 8))


def test_a_layer_that_comes_twice_counts_twice():
    torch.manual_seed(0)
    layer, pool = rounded(nn.Linear(4, 4)), nn.Identity()
    net = nn.Sequential(layer, leaky(threshold=0.25), pool, layer, pool, leaky(threshold=0.25))
    assert assert_same_bits(net, (torch.rand(7, 3, 4) < 0.5).float()).mean() > 0.05
