"""Numbers of Python, numpy and torch, and values that are none."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from snn_plot.numbers import checked_whole, is_number, pair, whole


@pytest.mark.parametrize("value", [1.5, -2, np.float32(0.5), np.int8(3), torch.tensor(1.5), torch.tensor([2])])
def test_one_finite_number_of_any_library_is_a_number(value):
    assert is_number(value)


@pytest.mark.parametrize("value", [math.nan, -math.inf, 10**400, "abc", None, [1.0], torch.ones(2), 1j])
def test_any_other_value_is_none(value):
    assert not is_number(value)
    assert whole(value) is None


def test_a_whole_number_has_a_least_value():
    assert [whole(value) for value in (3, 3.0, 2.5, 0)] == [3, 3, None, None]
    assert [whole(value, 0) for value in (0, -1)] == [0, None]


def test_a_whole_number_out_of_range_is_refused_as_it_was_passed():
    assert checked_whole(torch.tensor(5.0), "plot needs bins", most=5) == 5
    for value in (0, 6, 2.5, "5"):
        with pytest.raises(ValueError, match=f"^plot needs bins, got {value}$"):
            checked_whole(value, "plot needs bins", most=5)


def test_a_pair_has_two_entries():
    assert pair((2, 3)) == (2, 3)
    for value in (5, (1, 2, 3), None):
        assert all(map(math.isnan, pair(value)))
