"""Fixed-point numbers: values by Python's exact arithmetic, saturation, gradient."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import snn_core as snn
from snn_functional import quant

NAN, INF = float("nan"), float("inf")


def expected(x, num_bits, fraction_bits, rounding):
    """The integer of the grid in exact arithmetic; Python rounds a half to the even neighbor, as IEEE 754 does."""
    scaled = Fraction(x) * 2**fraction_bits
    whole = round(scaled) if rounding == "nearest" else math.floor(scaled)
    return min(max(whole, -(2 ** (num_bits - 1))), 2 ** (num_bits - 1) - 1)


@settings(deadline=None, max_examples=200)
@given(
    x=st.lists(st.floats(-40, 40, width=32) | st.integers(-200, 200).map(lambda i: i / 16), min_size=1),
    num_bits=st.integers(2, 12),
    fraction_bits=st.integers(0, 8),
    rounding=st.sampled_from(["nearest", "floor"]),
)
def test_numbers_are_rounded_as_exact_arithmetic_rounds_them(x, num_bits, fraction_bits, rounding):
    quantize = quant.fixed_point(num_bits, fraction_bits, rounding)
    whole = [expected(v, num_bits, fraction_bits, rounding) for v in x]
    for dtype in (torch.float32, torch.float64):
        state = torch.tensor(x, dtype=dtype)
        assert quantize(state).tolist() == [i / 2**fraction_bits for i in whole]
        assert quantize.integers(state).tolist() == whole
        assert torch.equal(quantize(quantize(state)), quantize(state))


def test_the_ends_are_those_of_twos_complement():
    quantize = quant.fixed_point(4, 2)
    assert (quantize.lowest, quantize.highest) == (-8, 7)
    assert quantize(torch.tensor([-INF, INF])).tolist() == [-2, 1.75]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (7,), (5, 3, 2)], ids=str)
def test_shape_and_dtype_stay(shape, dtype):
    out = quant.fixed_point(8, 4)(torch.rand(shape).to(dtype))
    assert (out.shape, out.dtype) == (shape, dtype)


def test_the_gradient_is_that_of_the_identity_where_it_saturates_too():
    x = torch.tensor([-9.0, 0.1, 0.2, 9.0], dtype=torch.float64, requires_grad=True)
    factors = torch.tensor([1.0, 2, 3, 4], dtype=torch.float64)
    (quant.fixed_point(4, 2)(x) * factors).sum().backward()
    assert torch.equal(x.grad, factors)


def test_a_neuron_learns_through_its_grid():
    # the straight-through gradient is that of the neuron without a grid, which finite differences confirm
    x = torch.tensor([[0.3, 0.4]], dtype=torch.float64, requires_grad=True)

    def mem(grid, drive):
        lif = snn.Leaky(beta=0.75, state_quant=grid, surrogate_disable=True).double()
        return lif.unroll(drive.expand(3, 1, 2) * torch.tensor([1.0, 0.5, 0.25]).view(3, 1, 1))[1].mem

    (rounded,) = torch.autograd.grad(mem(quant.fixed_point(8, 4), x).sum(), x)
    (plain,) = torch.autograd.grad(mem(False, x).sum(), x)
    assert torch.equal(rounded, plain)
    assert torch.autograd.gradcheck(lambda drive: mem(False, drive), x)


def test_nan_stays_nan_and_is_not_an_integer():
    quantize = quant.fixed_point(8, 4)
    assert quantize(torch.tensor([NAN])).isnan().all()
    with pytest.raises(ValueError, match="x contains NaN"):
        quantize.integers(torch.tensor([1.0, NAN]))
