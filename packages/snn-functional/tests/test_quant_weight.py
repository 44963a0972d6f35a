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


DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@st.composite
def finite_weights(draw):
    """Weights of any finite size, subnormal ones and the largest included."""
    dtype = draw(st.sampled_from(DTYPES))
    top, bottom = torch.finfo(dtype).max, torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps
    sizes = st.sampled_from(
        [0.0, bottom, 7 * bottom, 200 * bottom, bottom**0.5, 1.0, top**0.5, top / 3, top * 0.75, top]
    )
    signed = st.tuples(sizes, st.floats(-1, 1) | st.sampled_from([-1.0, 1.0])).map(lambda pair: pair[0] * pair[1])
    columns = draw(st.integers(1, 3))
    values = draw(st.lists(signed, min_size=2 * columns, max_size=2 * columns))
    return torch.tensor(values, dtype=torch.float64).to(dtype).reshape(2, columns)


@settings(max_examples=300, deadline=None)
@given(
    weight=finite_weights(),
    num_bits=st.integers(2, 16),
    options=st.sampled_from(
        [{}, {"channel_axis": 0}, {"power_of_two": True}, {"power_of_two": True, "channel_axis": 1}]
    ),
)
def test_finite_weights_stay_finite_and_close(weight, num_bits, options):
    quantize = quant.weight_quant(num_bits, **options)
    leaf = weight.clone().requires_grad_()
    rounded, step = quantize(leaf), quantize.step(weight)
    assert (step > 0).all()
    assert step.isfinite().all()
    assert rounded.isfinite().all()
    exact, result, step, info = weight.double(), rounded.detach().double(), step.double(), torch.finfo(weight.dtype)
    most, smallest = 2 ** (num_bits - 1) - 1, info.smallest_normal * info.eps
    assert (result.abs() <= step * most * (1 + info.eps) + smallest).all()
    saturates = exact.abs() + step / 2 > info.max
    # a subnormal step is rounded by up to half of the smallest number, m times over
    bound = step * (0.5 + 1e-6 + 1.0 * saturates) + exact.abs() * info.eps + smallest * (most + 1)
    assert ((result - exact).abs() <= bound).all()
    rounded.sum().backward()
    assert torch.equal(leaf.grad, torch.ones_like(weight))


@pytest.mark.parametrize("power_of_two", [False, True])
@pytest.mark.parametrize("largest", [1e-44, 1.2e-38, 3.4e38])
@pytest.mark.parametrize("flush", [False, True])
def test_a_step_that_is_too_small_for_the_dtype_leaves_the_largest_weight(flush, largest, power_of_two):
    weight = torch.tensor([largest, 0.0, -largest])
    try:
        torch.set_flush_denormal(flush)
        rounded = quant.weight_quant(8, power_of_two=power_of_two)(weight)
        spread = [(rounded[0] >= weight[0] * 0.49).item(), (rounded[0] <= weight[0] * 2.01).item()]
        finite = rounded.isfinite().all().item()
    finally:
        torch.set_flush_denormal(False)
    assert finite
    assert all(spread) or (flush and largest == 1e-44)
    assert rounded[1] == 0
    assert rounded[2] == -rounded[0]


@pytest.mark.parametrize("exponent", [-1000, -300, -150, -1, 0, 127, 200, 900])
def test_a_step_of_float64_may_be_any_power_of_two(exponent):
    weight = torch.tensor([3.0, -1.0], dtype=torch.float64) * 2.0**exponent
    quantize = quant.weight_quant(3, power_of_two=True)
    assert quantize.step(weight).item() == 2.0**exponent
    assert torch.equal(quantize(weight), weight)


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
