"""Population code: where the fields lie, how wide they are, what becomes of it."""

import math

import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st

from snn_spikegen import _data, latency, population, rate


def test_a_field_answers_with_one_at_its_center():
    # N = 4 over [0, 1]: centers at -0.25, 0.25, 0.75, 1.25, width 0.5 / 1.5 = 1 / 3.
    responses = population(torch.tensor([0.25, 0.75], dtype=torch.float64), 4)
    assert responses[0, 1] == responses[1, 2] == 1
    # The next center is 1.5 widths away, the one after it 3.
    assert responses[0].tolist() == pytest.approx([math.exp(-1.125), 1, math.exp(-1.125), math.exp(-4.5)])


def test_three_fields_have_the_middle_of_the_range_at_their_center():
    responses = population(torch.tensor([2.0], dtype=torch.float64), 3, low=-1, high=5, overlap=2)
    # Centers at -4, 2, 8, width 3: two widths to the others.
    assert responses[0].tolist() == pytest.approx([math.exp(-2), 1, math.exp(-2)])


FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize("dtype", FLOATS)
@given(ends=st.tuples(*[st.floats(-1e4, 1e4) | st.floats(-1, 1) | st.integers(-99, 99)] * 2))
@example(ends=(0, 0.1))
@example(ends=(0, 0.3))
@example(ends=(0, 1.1))
@example(ends=(0.7, 2))
@example(ends=(-1e-320, 1e-50))
@example(ends=(-1e9, 65520))
def test_the_ends_in_the_dtype_of_the_data_are_in_the_range_and_their_neighbors_outside_are_not(dtype, answers, ends):
    low, high = sorted(ends)
    assume(high - low > 1e-300)  # a third of it is above 0
    limits = torch.finfo(dtype)
    lowest, highest = torch.tensor([low, high], dtype=torch.float64).clamp(limits.min, limits.max).to(dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_data, "answers_at_once", lambda values: answers)
        assert population(torch.stack([lowest, highest]), 4, low, high).shape == (2, 4)
        for end, away in ((lowest, -math.inf), (highest, math.inf)):
            beyond = torch.nextafter(end, torch.tensor(away, dtype=dtype))
            with pytest.raises((ValueError, RuntimeError), match="data must be "):
                population(beyond, 4, low, high)


def test_the_ends_of_whole_data_need_not_be_whole():
    assert population(torch.tensor([0, 1]), 4, low=-0.3, high=1.1).shape == (2, 4)
    with pytest.raises(ValueError, match=r"data must be between low=-0\.3 and high=1\.1, got values in \[0\.0, 2\.0\]"):
        population(torch.tensor([0, 2]), 4, low=-0.3, high=1.1)


@pytest.mark.parametrize("neurons", [3, 5, 8])
def test_the_code_of_a_mirrored_value_is_the_mirrored_code(neurons):
    data = torch.linspace(0, 1, 11, dtype=torch.float64)
    torch.testing.assert_close(population(data, neurons).flip(-1), population(1 - data, neurons))


def test_every_value_of_the_range_is_near_some_center():
    responses = population(torch.linspace(-3, 3, 101, dtype=torch.float64), 7, low=-3, high=3)
    # Never farther than half a distance, which is 0.75 widths.
    assert responses.amax(-1).min() >= math.exp(-(0.75**2) / 2) - 1e-12


def test_the_range_and_the_unit_of_the_data_do_not_matter():
    data = torch.rand(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(population(data * 40 - 20, 6, -20, 20), population(data, 6))


def test_responses_become_spikes():
    responses = population(torch.tensor([[0.25], [0.75]]), 4)
    assert responses.shape == (2, 1, 4)
    spikes = latency(responses, num_steps=10, linear=True, normalize=True)
    assert spikes[0, 0, 0].tolist() == [0, 1, 0, 0]
    assert spikes[0, 1, 0].tolist() == [0, 0, 1, 0]
    assert rate(responses, num_steps=10).shape == (10, 2, 1, 4)


def test_responses_are_differentiable_in_the_data():
    data = torch.tensor([[0.2, 0.5], [0.7, 0.9]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: population(x, 5), data)


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_dtype_stays(dtype):
    data = torch.tensor([0.25, 0.75], dtype=dtype)
    responses = population(data, 5)
    assert responses.dtype == dtype
    assert torch.equal(responses, population(data.to(torch.promote_types(dtype, torch.float32)), 5).to(dtype))


def test_integers_are_numbers():
    image = torch.tensor([0, 128, 255], dtype=torch.uint8)
    responses = population(image, 5, high=255)
    assert responses.dtype == torch.get_default_dtype()
    torch.testing.assert_close(responses, population(image.float() / 255, 5))


def test_an_empty_batch_has_no_responses():
    assert population(torch.zeros(0, 3), 5).shape == (0, 3, 5)
