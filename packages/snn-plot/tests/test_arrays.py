"""Recordings of every kind become the same array."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from snn_plot.arrays import time_by_neuron, to_array

VALUES = [[0.0, 1.0, 0.5], [2.0, 0.0, 1.0]]


@pytest.mark.parametrize(
    "data",
    [
        VALUES,
        tuple(VALUES),
        np.array(VALUES),
        np.array(VALUES, dtype=np.float16),
        torch.tensor(VALUES, requires_grad=True),
        torch.tensor(VALUES, dtype=torch.float64),
        torch.tensor(VALUES, dtype=torch.float16),
        torch.tensor(VALUES, dtype=torch.bfloat16, requires_grad=True),
        torch.tensor(VALUES).to(torch.float8_e5m2),
        torch.tensor(VALUES).to_sparse(),
        torch.tensor(VALUES).T.contiguous().T,
        [torch.tensor(row, requires_grad=True) for row in VALUES],
        [[torch.tensor(value) for value in row] for row in VALUES],
        [np.array(VALUES[0]), torch.tensor(VALUES[1])],
    ],
    ids=lambda data: f"{type(data).__name__}-{getattr(data, 'dtype', '')}",
)
def test_every_kind_of_recording_gives_the_same_values(data):
    array = to_array(data)
    assert isinstance(array, np.ndarray)
    assert array.tolist() == VALUES


@pytest.mark.parametrize("data", [torch.tensor([True, False]), [True, False], np.array([True, False])])
def test_booleans_stay_booleans(data):
    assert to_array(data).dtype == bool


def test_a_conjugated_view_of_real_numbers_is_read():
    assert to_array(torch.tensor([1 + 2j]).conj().imag).tolist() == [-2.0]


@pytest.mark.parametrize("data", [["a", "b"], {"spk": 1}, None, np.array([1j]), torch.tensor([1j])])
def test_values_that_are_not_real_numbers_are_refused(data):
    with pytest.raises(TypeError, match="spk must contain real numbers"):
        to_array(data, "spk")


def test_a_list_of_unequal_steps_is_refused_with_their_shapes():
    with pytest.raises(ValueError, match=r"entries of one shape, got \[\(3,\), \(5,\)\]"):
        to_array([torch.zeros(5), torch.zeros(3)])


def test_one_dimension_is_one_neuron_over_time():
    assert time_by_neuron(torch.arange(7)).shape == (7, 1)
    assert time_by_neuron(torch.arange(7), time_first=False).shape == (7, 1)


def test_time_may_come_second():
    assert time_by_neuron(VALUES, time_first=False).tolist() == np.transpose(VALUES).tolist()


@pytest.mark.parametrize("shape", [(), (7, 5, 3), (7, 0), (0,)])
def test_a_wrong_shape_is_refused_with_the_expected_one(shape):
    with pytest.raises(ValueError, match=r"data must have shape \[time, neuron\] or \[time\]"):
        time_by_neuron(torch.zeros(shape))
    with pytest.raises(ValueError, match=r"shape \[neuron, time\] or \[time\]"):
        time_by_neuron(torch.zeros(shape), time_first=False)


def test_values_that_are_not_finite_are_counted_and_refused():
    with pytest.raises(ValueError, match="2 values that are NaN or infinite"):
        time_by_neuron([0.0, float("nan"), float("inf")])
