"""Samples taken from what data sets keep them in: by an array of indices and by a range, copies of the same kind."""

import numpy as np
import pytest
import torch

from snn_data.dataset_fields import take

KINDS = {
    "tensor": lambda values: torch.from_numpy(values.copy()),
    "transposed tensor": lambda values: torch.from_numpy(values.T.copy()).T,
    "array": lambda values: values.copy(),
    "list": list,
    "tuple": tuple,
}
VALUES = np.arange(21.0).reshape(7, 3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("start", "stop"), [(0, 7), (2, 5), (6, 7), (3, 3)])
def test_a_range_takes_what_its_indices_take(kind, start, stop):
    values = KINDS[kind](VALUES)
    by_range, by_index = take(values, range(start, stop)), take(values, np.arange(start, stop))
    assert type(by_range) is type(by_index) is type(values)
    np.testing.assert_array_equal(np.asarray(by_range).reshape(-1, 3), VALUES[start:stop])
    np.testing.assert_array_equal(np.asarray(by_index).reshape(-1, 3), VALUES[start:stop])


@pytest.mark.parametrize("kind", ["tensor", "transposed tensor", "array"])
def test_what_is_taken_is_a_copy_of_its_own(kind):
    values = KINDS[kind](VALUES)
    taken = take(values, range(2, 5))
    values[3] = -1
    np.testing.assert_array_equal(np.asarray(taken), VALUES[2:5])
    if isinstance(taken, torch.Tensor):
        assert taken.is_contiguous()
        assert taken.untyped_storage().nbytes() == taken.numel() * 8
