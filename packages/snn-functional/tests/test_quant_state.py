"""Quantized states: levels in closed form, the nearest one by an exact search, gradient, memory."""

import copy
import pickle
from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

import snn_core as snn
from snn_functional import quant

NAN, INF = float("nan"), float("inf")
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
KINDS = [{}, {"uniform": False}, {"uniform": False, "thr_centered": False}]


def levels_in(dtype, quantize):
    """The levels in a dtype, as a state that holds numbers close to each shows them."""
    probes = torch.linspace(-3 * quantize.threshold, 3 * quantize.threshold, 200_001, dtype=torch.float64).to(dtype)
    return quantize(probes).unique()


def nearest(value, levels):
    """The level nearest to a number in exact arithmetic, the lower one of two."""
    return min(levels, key=lambda level: (abs(Fraction(level) - Fraction(value)), level))


def test_uniform_levels_divide_the_range_evenly_with_one_at_zero():
    # -1, -0.2, 0.6, 1.4: of these -0.2 is the nearest to 0
    levels = quant.state_quant(num_bits=2, upper_limit=0.4).levels
    torch.testing.assert_close(levels, torch.tensor([-1, 0, 0.6, 1.4]))
    # -4, -3, -2, -1, 0, 1, 2, 3: the threshold is 2, half as much again above and twice as much below
    levels = quant.state_quant(num_bits=3, threshold=2, lower_limit=1, upper_limit=0.5).levels
    assert levels.tolist() == [-4, -3, -2, -1, 0, 1, 2, 3]


@pytest.mark.parametrize("num_bits", range(1, 9))
@pytest.mark.parametrize("options", [{"upper_limit": 0.0}, {"uniform": False, "thr_centered": False, "upper_limit": 0}])
def test_the_lower_of_two_levels_equally_near_zero_is_moved(num_bits, options):
    levels = quant.state_quant(num_bits, **options).levels
    half = len(levels) // 2
    assert levels[half - 1] == 0
    # what is left of the symmetry: all the others
    torch.testing.assert_close(levels[: half - 1], -levels[half + 1 :].flip(0), rtol=1e-6, atol=1e-7)


def test_a_tie_is_one_also_where_rounding_has_moved_the_levels():
    # -1, -1/3, 1/3, 1, ..., 9: neither -1/3 nor 1/3 is exact, and float64 computes -1/3 as the farther one
    levels = quant.state_quant(num_bits=4, upper_limit=8).levels
    torch.testing.assert_close(levels[:4], torch.tensor([-1, 0, 1 / 3, 1]))


def test_steps_shrink_geometrically_towards_the_threshold():
    levels = quant.state_quant(num_bits=3, uniform=False, threshold=1, upper_limit=0.5, multiplier=0.5).levels
    # 2 / 2.5 of 8 levels, 6, lie below 1, at 1, 3, 7, 15, 31 and 63 of 63 on a range of 2; two above, at 1 and 3 of 3
    below = 1 - 2 * torch.tensor([63.0, 31, 15, 7, 3, 1]) / 63
    below[1] = 0  # 1 - 62/63 is the nearest to 0
    torch.testing.assert_close(levels, torch.cat([below, torch.tensor([1 + 0.5 / 3, 1.5])]))


def test_steps_shrink_geometrically_towards_zero():
    levels = quant.state_quant(num_bits=3, uniform=False, thr_centered=False, upper_limit=0, multiplier=0.5).levels
    # four on each side, at 1, 3, 7 and 15 of 15; the lower of the two nearest to 0 is moved there
    torch.testing.assert_close(levels, torch.tensor([-15.0, -7, -3, 0, 1, 3, 7, 15]) / 15)


def test_a_multiplier_of_one_makes_steps_of_one_size():
    options = {"uniform": False, "thr_centered": False, "lower_limit": -1, "upper_limit": 0}
    levels = quant.state_quant(3, multiplier=1, **options).levels
    torch.testing.assert_close(levels, torch.tensor([0, 2, 3, 4, 5, 6, 7, 8]) / 8)


@pytest.mark.exhaustive
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("options", KINDS, ids=str)
@pytest.mark.parametrize("num_bits", [1, 2, 4, 7])
def test_every_number_gets_the_level_that_exact_arithmetic_finds(num_bits, options, dtype):
    quantize = quant.state_quant(num_bits, threshold=0.7, lower_limit=0.3, **options)
    levels = levels_in(dtype, quantize)
    assert len(levels) == 2**num_bits or dtype in (torch.float16, torch.bfloat16)
    middles = ((levels[:-1].double() + levels[1:].double()) / 2).to(dtype)
    down, up = (torch.nextafter(middles, torch.full_like(middles, end)) for end in (-INF, INF))
    generator = torch.Generator().manual_seed(0)
    spread = torch.randn(97, generator=generator, dtype=torch.float64).to(dtype)
    x = torch.cat([levels, middles, down, up, spread, levels.new_tensor([INF, -INF])])
    table = [float(level) for level in levels]
    expected = [nearest(float(v), table) if v.isfinite() else (table[-1] if v > 0 else table[0]) for v in x]
    assert quantize(x).tolist() == expected


@settings(deadline=None, max_examples=60)
@given(
    num_bits=st.integers(1, 9),
    threshold=st.floats(1e-3, 1e3),
    lower=st.floats(-0.9, 3),
    upper=st.floats(0, 3),
    kind=st.sampled_from(KINDS),
)
def test_levels_rise_from_end_to_end_and_hold_zero(num_bits, threshold, lower, upper, kind):
    quantize = quant.state_quant(num_bits, threshold=threshold, lower_limit=lower, upper_limit=upper, **kind)
    levels = quantize.levels
    assert len(levels) == 2**num_bits
    assert all(a <= b for a, b in pairwise(levels.tolist()))
    assert 0 in levels
    low, high = -threshold * (1 + lower), threshold * (1 + upper)
    span = torch.tensor([low, high]).abs().max()
    assert levels.min() >= low - 1e-5 * span
    assert levels.max() <= high + 1e-5 * span
    assert torch.equal(quantize(levels), levels)


def test_a_neuron_at_rest_stays_there():
    lif = snn.Leaky(beta=0.9, state_quant=quant.state_quant())
    assert lif(torch.zeros(3, 5))[1].abs().max() == 0


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 0, 5), (3, 5, 7)], ids=str)
def test_shape_and_dtype_stay(shape, dtype):
    out = quant.state_quant(4)(torch.rand(shape).to(dtype))
    assert (out.shape, out.dtype) == (shape, dtype)


def test_a_state_of_any_layout_is_quantized():
    x = torch.rand(3, 5, 7, 2, generator=torch.Generator().manual_seed(1))
    quantize = quant.state_quant(4)
    assert torch.equal(quantize(x.permute(3, 1, 0, 2)), quantize(x).permute(3, 1, 0, 2))
    assert torch.equal(quantize(x.to(memory_format=torch.channels_last)), quantize(x))


def test_nan_stays_nan():
    out = quant.state_quant(4)(torch.tensor([NAN, 0.0, INF, -INF]))
    assert out[0].isnan()
    torch.testing.assert_close(out[1:], torch.tensor([0, 1.2, -1]))


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_the_gradient_is_that_of_the_identity(options):
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64, requires_grad=True)
    weights = torch.randn(7, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    (quant.state_quant(3, **options)(x) * weights).sum().backward()
    assert torch.equal(x.grad, weights)


@pytest.mark.usefixtures("fresh_compiler")
def test_transforms_see_the_same_function():
    quantize, x = quant.state_quant(3), torch.linspace(-2, 2, 15).reshape(3, 5)
    assert torch.equal(torch.func.vmap(quantize)(x), quantize(x))
    assert torch.equal(torch.func.vmap(torch.func.grad(lambda v: quantize(v).sum()))(x), torch.ones(3, 5))
    assert torch.equal(torch.compile(quantize, fullgraph=True, backend="eager")(x), quantize(x))


@pytest.mark.parametrize("make", [copy.deepcopy, lambda q: pickle.loads(pickle.dumps(q))])
def test_a_copy_is_equal(make):
    quantize = quant.state_quant(3, uniform=False)
    twin = make(quantize)
    assert twin == quantize
    assert torch.equal(twin.levels, quantize.levels)
    assert repr(twin).startswith("state_quant(num_bits=3, uniform=False")


class Allocations(TorchDispatchMode):
    """Bytes of all the tensors that operations make; their peak, which frees some earlier, is at most that."""

    def __init__(self):
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        known = {a.untyped_storage().data_ptr() for a in args if isinstance(a, torch.Tensor)}
        if isinstance(out, torch.Tensor) and out.untyped_storage().data_ptr() not in known:
            self.total += out.untyped_storage().nbytes()
        return out


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("num_bits", [2, 8, 12])
def test_memory_grows_with_the_state_and_not_with_the_levels(num_bits, dtype):
    quantize = quant.state_quant(num_bits)
    x = torch.rand(512, 1024).to(dtype).t().requires_grad_()
    with Allocations() as forward:
        out = quantize(x)
    assert 0 < forward.total <= 4 * x.nbytes
    with Allocations() as backward:
        out.backward(out.detach())
    assert backward.total <= x.nbytes
