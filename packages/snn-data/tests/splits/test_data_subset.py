"""data_subset: a contiguous part, in place."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from snn_data import LabelledTensors, data_subset


class InMemory:
    """A data set as torchvision lays it out, with containers of any kind."""

    def __init__(self, data, targets):
        self.data, self.targets = data, targets

    def __len__(self):
        return len(self.data)


@pytest.mark.parametrize(("idx", "expected"), [(0, [0, 1]), (1, [2, 3]), (2, [4, 5])])
def test_part_idx_of_three_is_the_idx_th_run_of_a_third_rounded_down(idx, expected):
    pairs = LabelledTensors(torch.arange(7.0) * 10, torch.arange(7))
    assert data_subset(pairs, 3, idx) is pairs
    assert pairs.targets.tolist() == expected
    assert pairs.data.tolist() == [10.0 * i for i in expected]
    assert len(pairs) == 2


@pytest.mark.parametrize("convert", [list, tuple, np.asarray, torch.tensor])
def test_the_kind_of_container_is_kept(convert):
    dataset = InMemory(np.arange(21).reshape(7, 3), convert([5, 6, 7, 8, 9, 10, 11]))
    kind = type(dataset.targets)
    data_subset(dataset, 2, idx=1)
    assert type(dataset.targets) is kind
    assert list(dataset.targets) == [8, 9, 10]
    assert dataset.data[:, 0].tolist() == [9, 12, 15]


def test_a_subset_of_one_changes_nothing():
    data = torch.arange(5.0)
    assert data_subset(LabelledTensors(data, torch.arange(5)), 1).data is data


def test_the_part_does_not_share_memory_with_the_whole():
    data = torch.zeros(6)
    data_subset(LabelledTensors(data, torch.arange(6)), 2).data.fill_(1)
    assert data.sum() == 0


@pytest.mark.parametrize(
    ("subset", "idx", "message"),
    [(0, 0, "1 or more"), (3, 3, "from 0 to 2"), (3, -1, "from 0 to 2"), (8, 0, "7 samples")],
)
def test_a_part_that_does_not_exist_is_refused(subset, idx, message):
    with pytest.raises(ValueError, match=message):
        data_subset(LabelledTensors(torch.zeros(7), torch.zeros(7)), subset, idx)


@pytest.mark.parametrize("arguments", [(2.5, 0), (2, 0.5), (True, 0), ("2", 0)])
def test_a_factor_that_is_not_an_integer_is_refused(arguments):
    with pytest.raises(TypeError, match="needs an integer"):
        data_subset(LabelledTensors(torch.zeros(7), torch.zeros(7)), *arguments)


def test_a_data_set_without_targets_is_named():
    class Streams:
        data = torch.zeros(3)

        def __len__(self):
            return 3

    with pytest.raises(TypeError, match="Streams has no such 'targets'"):
        data_subset(Streams(), 2)


def test_fields_of_different_length_are_refused():
    with pytest.raises(ValueError, match="3 samples and 2 targets"):
        data_subset(InMemory([1, 2, 3], [0, 1]), 2)
