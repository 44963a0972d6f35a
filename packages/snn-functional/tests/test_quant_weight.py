"""Quantized weights: values in closed form, steps, gradient, training."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize

import snn_core as snn
from snn_functional import quant

NAN, INF = float("nan"), float("inf")


def test_weights_are_multiples_of_a_step_that_keeps_the_largest():
    # m = 3 and a largest weight of 1.5 make steps of 0.5; halves go to the even multiple
    weight = torch.tensor([[1.5, -0.7], [0.25, 0.75]])
    assert quant.weight_quant(3)(weight).tolist() == [[1.5, -0.5], [0, 1.0]]


def test_every_channel_has_a_step_of_its_own():
    weight = torch.tensor([[1.5, -0.7], [0.25, 0.75]])
    by_row = quant.weight_quant(3, channel_axis=0)
    torch.testing.assert_close(by_row(weight), torch.tensor([[1.5, -0.5], [0.25, 0.75]]))
    torch.testing.assert_close(by_row.step(weight), torch.tensor([[0.5], [0.25]]))
    by_column = quant.weight_quant(3, channel_axis=-1)
    assert torch.equal(by_column(weight), by_row(weight.t()).t())
    torch.testing.assert_close(by_column.step(weight), torch.tensor([[0.5, 0.25]]))


def test_the_step_may_be_the_next_power_of_two():
    # 0.6 / 3 = 0.2, so 0.25
    quantize = quant.weight_quant(3, power_of_two=True)
    assert quantize.step(torch.tensor([0.6])).item() == 0.25
    assert quantize(torch.tensor([0.6, -0.2, 0.1])).tolist() == [0.5, -0.25, 0]
    # exactly a power of two stays
    assert quantize.step(torch.tensor([0.75])).item() == 0.25


def test_the_step_may_be_given_and_what_is_too_large_saturates():
    quantize = quant.weight_quant(4, fraction_bits=3)
    assert quantize(torch.tensor([0.9, -3.0, 0.3])).tolist() == [0.875, -0.875, 0.25]


@settings(deadline=None, max_examples=80)
@given(
    num_bits=st.integers(2, 10),
    shape=st.lists(st.integers(1, 5), min_size=0, max_size=4),
    scale=st.floats(1e-6, 1e6),
    power_of_two=st.booleans(),
    data=st.data(),
)
def test_weights_are_close_and_on_their_grid(num_bits, shape, scale, power_of_two, data):
    axis = data.draw(st.none() | st.integers(-len(shape), len(shape) - 1)) if shape else None
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    weight = scale * torch.randn(shape, generator=generator, dtype=torch.float64)
    quantize = quant.weight_quant(num_bits, axis, power_of_two)
    rounded, step = quantize(weight), quantize.step(weight)
    most = 2 ** (num_bits - 1) - 1
    multiples = rounded / step
    torch.testing.assert_close(multiples, multiples.round(), rtol=0, atol=1e-9 * most)
    assert bool((multiples.abs() <= most * (1 + 1e-12)).all())
    assert bool(((rounded - weight).abs() <= step / 2 * (1 + 1e-9)).all())
    if power_of_two:
        assert all(math.frexp(s)[0] == 0.5 for s in step.flatten().tolist())
        assert torch.equal(quantize(rounded), rounded)


@pytest.mark.parametrize("options", [{}, {"channel_axis": 0}, {"power_of_two": True}, {"fraction_bits": 4}], ids=str)
def test_the_gradient_is_that_of_the_identity(options):
    weight = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    factors = torch.randn(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    (quant.weight_quant(4, **options)(weight) * factors).sum().backward()
    assert torch.equal(weight.grad, factors)


def test_the_gradient_of_a_layer_is_the_one_at_its_rounded_weights():
    # straight through: what the loss tells the rounded weights is what the unrounded ones learn
    layer, x = nn.Linear(7, 3).double(), torch.randn(5, 7, dtype=torch.float64)
    plain = copy.deepcopy(layer)
    parametrize.register_parametrization(layer, "weight", quant.weight_quant(4, channel_axis=0))
    with torch.no_grad():
        plain.weight.copy_(layer.weight)
    for net in (layer, plain):
        net(x).tanh().sum().backward()
    assert torch.equal(layer.parametrizations.weight.original.grad, plain.weight.grad)
    assert torch.autograd.gradcheck(lambda w: nn.functional.linear(x, w).tanh(), plain.weight)


def test_a_net_learns_with_rounded_weights():
    torch.manual_seed(0)
    x = torch.randn(64, 5)
    y = (x @ torch.tensor([1.0, -1, 0.5, 0, 0]) > 0).long()
    net = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 2))
    for layer in (net[0], net[2]):
        parametrize.register_parametrization(layer, "weight", quant.weight_quant(3, channel_axis=0))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(100):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    assert (net(x).argmax(1) == y).float().mean() > 0.95
    assert len(net[0].weight[0].unique()) <= 7


def test_the_unrounded_weights_are_what_is_saved_and_set():
    layer = nn.Linear(3, 2)
    parametrize.register_parametrization(layer, "weight", quant.weight_quant(3))
    weight = torch.tensor([[0.15, -0.35, 0.6], [0.0, 0.1, 0.3]])
    layer.weight = weight
    assert torch.equal(layer.state_dict()["parametrizations.weight.original"], weight)
    assert not torch.equal(layer.weight, weight)
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    assert torch.equal(layer.weight, weight)


def test_the_constants_of_a_neuron_are_rounded_too():
    lif = snn.Leaky(beta=0.9, threshold=0.7, learn_beta=True)
    for name in ("beta", "threshold"):
        parametrize.register_parametrization(lif, name, quant.weight_quant(9, fraction_bits=8))
    assert lif.beta.item() == 230 / 256
    assert lif.threshold.item() == 179 / 256
    lif(torch.ones(1, 1), torch.ones(1, 1))[1].backward()
    assert lif.parametrizations.beta.original.grad.item() == 1


@pytest.mark.parametrize("options", [{}, {"power_of_two": True}, {"channel_axis": 0}], ids=str)
def test_weights_of_zero_stay_zero(options):
    weight = torch.tensor([[0.0, 0.0], [1.0, 0.5]])
    out = quant.weight_quant(8, **options)(weight)
    assert out[0].tolist() == [0, 0]
    assert quant.weight_quant(8, **options)(torch.zeros(2, 3)).abs().max() == 0


@pytest.mark.parametrize("bad", [NAN, INF])
@pytest.mark.parametrize("power_of_two", [False, True])
def test_a_value_that_is_not_finite_spoils_all_that_share_its_step(bad, power_of_two):
    out = quant.weight_quant(8, 0, power_of_two)(torch.tensor([[bad, 1.0], [0.5, 1.0]]))
    assert out[0].isnan().all()
    assert out[1].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
@pytest.mark.parametrize("power_of_two", [False, True])
@pytest.mark.parametrize("shape", [(), (0, 3), (7,), (5, 3, 2)], ids=str)
def test_shape_and_dtype_stay(shape, power_of_two, dtype):
    out = quant.weight_quant(5, power_of_two=power_of_two)(torch.rand(shape).to(dtype))
    assert (out.shape, out.dtype) == (shape, dtype)


def test_a_bias_may_have_a_step_for_every_entry():
    assert quant.weight_quant(2, channel_axis=0)(torch.tensor([0.3, -0.7, 0])).tolist() == pytest.approx([0.3, -0.7, 0])


def test_its_repr_says_how_it_rounds():
    assert repr(quant.weight_quant(4, channel_axis=0)) == "weight_quant(num_bits=4, channel_axis=0)"
    assert repr(quant.weight_quant(4, fraction_bits=0)) == "weight_quant(num_bits=4, fraction_bits=0)"
