"""A result has the floating dtype of what it is made from; integers and bools give the default one."""

import inspect
from fractions import Fraction

import pytest
import torch

from snn_spikegen import (
    latency_code_linear,
    latency_code_log,
    latency_interpolate,
    population,
    rate,
    rate_interpolate,
)

from .calls import CALLS, function

FROM_TENSORS = [case for case in CALLS if case != "target_rate_code"]
LABELS, MASK = "from_one_hot", "latency_code"
# what every argument that takes a number takes
NUMBERS = {
    "gain": Fraction(1, 3),
    "offset": Fraction(1, 7),
    "dt": Fraction(1, 3000),
    "threshold": Fraction(1, 7),
    "tau": Fraction(1, 3),
    "epsilon": Fraction(1, 3000),
    "low": Fraction(-1, 3),
    "high": Fraction(4, 3),
    "overlap": Fraction(5, 3),
    "on_target": Fraction(4, 3),
    "off_target": Fraction(1, 7),
    "correct_rate": Fraction(2, 3),
    "incorrect_rate": Fraction(1, 7),
    "rate": Fraction(1, 3),
}
TAKES_A_NUMBER = [
    (case, name)
    for case in CALLS
    for name, parameter in inspect.signature(function(case)).parameters.items()
    if parameter.annotation.startswith("float") and case != "rate varying"  # which warns of both
]


def result(case, dtype):
    """Return the function's result for its tensor in another dtype; only the times of times and their mask."""
    tensor, value = next(iter(CALLS[case].items()))
    value = value.to(dtype) if dtype.is_floating_point else value.ceil().to(dtype)
    result = function(case)(**{**CALLS[case], tensor: value})
    return result[0] if function(case).__name__ == MASK else result


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("case", FROM_TENSORS)
def test_a_floating_dtype_stays(case, dtype):
    assert result(case, dtype).dtype == (torch.int64 if case == LABELS else dtype)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int64, torch.uint16])
@pytest.mark.parametrize("case", FROM_TENSORS)
def test_integers_are_the_same_numbers_as_floats(case, dtype):
    if case == "poisson" and dtype == torch.uint8:
        dtype = torch.int32  # the rates go up to 1000 Hz
    torch.manual_seed(0)
    whole = result(case, dtype)
    torch.manual_seed(0)
    tensor, value = next(iter(CALLS[case].items()))
    actual = function(case)(**{**CALLS[case], tensor: value.ceil().float()})
    assert torch.equal(whole, actual[0] if function(case).__name__ == MASK else actual)


@pytest.mark.parametrize("case", ["rate", "latency", "delta", "phase", "burst", "targets_rate", "to_one_hot"])
def test_integers_follow_the_default_dtype(case):
    torch.set_default_dtype(torch.float64)
    try:
        assert result(case, torch.uint8).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("ramps", [rate_interpolate, latency_interpolate])
def test_whole_times_are_exact_also_with_a_default_dtype_of_16_bits(dtype, ramps):
    times = torch.tensor([257, 2049])
    expected = ramps(times.double(), 3000)
    torch.set_default_dtype(dtype)
    try:
        code = ramps(times, 3000)
    finally:
        torch.set_default_dtype(torch.float32)
    assert code.dtype == dtype
    torch.testing.assert_close(code, expected.to(dtype))
    assert torch.equal(code == 0, expected.to(dtype) == 0)


def test_bools_are_zeros_and_ones():
    for case in ("rate_conv", "latency_interpolate", "phase", "decode_rate", "decode_latency", "to_one_hot_inverse"):
        assert torch.equal(result(case, torch.bool), result(case, torch.int64)), case


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_rates_and_codes_of_16_bit_floats_are_those_of_their_float32_values(dtype):
    for case in ("latency", "latency linear", "phase", "burst", "population", "poisson", "latency_interpolate"):
        tensor, value = next(iter(CALLS[case].items()))
        torch.manual_seed(0)
        short = result(case, dtype)
        torch.manual_seed(0)
        full = function(case)(**{**CALLS[case], tensor: value.to(dtype).float()})
        assert torch.equal(short, full.to(dtype)), case


@pytest.mark.parametrize(("case", "argument"), TAKES_A_NUMBER)
def test_a_fraction_is_the_same_number_as_a_float(case, argument):
    number = Fraction(NUMBERS[argument])
    torch.manual_seed(0)
    result = function(case)(**{**CALLS[case], argument: number})
    torch.manual_seed(0)
    expected = function(case)(**{**CALLS[case], argument: float(number)})
    for own, other in zip(*(each if isinstance(each, tuple) else (each,) for each in (result, expected)), strict=True):
        assert own.dtype == other.dtype
        assert torch.equal(own, other)


def test_whole_factors_too_long_for_64_bits_are_numbers():
    assert rate(torch.tensor([0.0, 0.5]), 3, gain=2**70)[:, 1].tolist() == [1, 1, 1]
    assert population(torch.tensor([0.5]), 4, low=-(2**70), high=2**70).isfinite().all()


def test_a_time_constant_may_be_learned():
    for code in (latency_code_log, latency_code_linear):
        tau = torch.tensor(2.0, requires_grad=True)
        code(torch.tensor([0.25, 0.5]), tau=tau).sum().backward()
        assert tau.grad.item() == pytest.approx(code(torch.tensor([0.25, 0.5])).sum().item())
