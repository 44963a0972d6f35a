"""Phase code: binary digits."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snn_spikegen import phase


def worth(period):
    return 2.0 ** -torch.arange(1, period + 1, dtype=torch.float64)


def test_digits_worked_out_by_hand():
    # 0.625 = 0.101, 0.3 = 0.010 (0.25) and 1 = 0.111 in binary.
    spikes = phase(torch.tensor([0.625, 0.3, 1.0, 0.0]), num_steps=3, period=3)
    assert spikes.T.tolist() == [[1, 0, 1], [0, 1, 0], [1, 1, 1], [0, 0, 0]]


def test_a_period_is_eight_phases_unless_another_is_asked_for():
    # The weights of Kim et al. (2018), 2 ** -(1 + t mod 8): a step is worth half of the one before, eight times over.
    data = torch.tensor([181 / 256, 1 / 256, 1.0])  # 181 = 0b10110101
    spikes = phase(data, num_steps=19)
    assert spikes[:8, 0].tolist() == [1, 0, 1, 1, 0, 1, 0, 1]
    assert (worth(8) @ spikes[:8].double()).tolist() == [181 / 256, 1 / 256, 255 / 256]
    assert spikes[:, 1].nonzero().flatten().tolist() == [7, 15]
    assert torch.equal(spikes, spikes[:8].repeat(3, 1)[:19])


@pytest.mark.parametrize("steps", [1, 3, 8, 9, 20])
def test_the_digits_come_again_after_a_period_and_may_be_cut_off(steps):
    data = torch.rand(3, 5, generator=torch.Generator().manual_seed(0))
    spikes = phase(data, num_steps=steps, period=8)
    assert spikes.shape == (steps, 3, 5)
    once = phase(data, num_steps=8, period=8)
    assert torch.equal(spikes, torch.cat((once, once, once))[:steps])


@settings(deadline=None)
@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=7), period=st.integers(1, 40))
def test_a_period_falls_short_of_the_value_by_less_than_its_last_digit(values, period):
    data = torch.tensor(values, dtype=torch.float64)
    lost = data - worth(period) @ phase(data, num_steps=period, period=period)
    assert (lost >= 0).all()
    assert (lost[data < 1] < 2.0**-period).all()
    assert (lost[data == 1] == 2.0**-period).all()


@pytest.mark.parametrize("period", [24, 62])
def test_every_digit_of_a_float_comes_back(period):
    data = torch.rand(100, generator=torch.Generator().manual_seed(0))
    assert torch.equal(worth(period) @ phase(data, period, period).double(), data.double())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_dtype_stays(dtype):
    spikes = phase(torch.tensor([0.625], dtype=dtype), 20, 20)
    assert spikes.dtype == dtype
    assert spikes.squeeze(1).tolist() == [1, 0, 1] + [0] * 17


def test_integers_and_empty_batches_are_data():
    assert phase(torch.tensor([0, 1], dtype=torch.uint8), 2, 2).tolist() == [[0, 1], [0, 1]]
    assert phase(torch.zeros(0, 3), 5).shape == (5, 0, 3)
    assert phase(torch.tensor(0.5), 2).tolist() == [1, 0]
