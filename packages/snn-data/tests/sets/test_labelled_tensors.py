"""A data set of two tensors."""

from __future__ import annotations

import pytest
import torch

from snn_data import LabelledTensors


def test_a_sample_is_its_row_of_each_tensor():
    pairs = LabelledTensors(torch.arange(21.0).reshape(7, 3), torch.arange(7))
    image, target = pairs[-1]
    assert image.tolist() == [18.0, 19.0, 20.0]
    assert target.item() == 6
    assert len(pairs) == 7


def test_several_samples_are_taken_at_once_by_a_slice_or_a_mask():
    pairs = LabelledTensors(torch.arange(7.0), torch.arange(7))
    assert pairs[2:4][1].tolist() == [2, 3]
    assert pairs[pairs.targets > 4][0].tolist() == [5.0, 6.0]


def test_iteration_ends_with_the_last_sample():
    assert [target.item() for _, target in LabelledTensors(torch.zeros(3, 2), torch.tensor([4, 0, 7]))] == [4, 0, 7]


def test_the_repr_shows_the_shapes():
    assert repr(LabelledTensors(torch.zeros(3, 5), torch.zeros(3))) == "LabelledTensors(data=[3, 5], targets=[3])"


@pytest.mark.parametrize(("data", "targets"), [((3, 2), (4,)), ((3,), ()), ((), (3,))])
def test_tensors_of_different_length_are_refused(data, targets):
    with pytest.raises(ValueError, match="one target per sample"):
        LabelledTensors(torch.zeros(data), torch.zeros(targets))
