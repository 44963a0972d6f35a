"""collate: padding is told apart from data."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from snn_data import LabelledSequences, collate
from snn_data.tensors import as_tensor


@given(lengths=st.lists(st.integers(0, 9), min_size=1, max_size=7))
def test_each_sample_is_its_column_up_to_its_length_and_zero_behind_it(lengths):
    samples = [(torch.rand(length, 3, 5) + 1, i) for i, length in enumerate(lengths)]
    data, targets, result, mask = collate(samples)
    assert data.shape == (max(lengths), len(lengths), 3, 5)
    assert result.tolist() == lengths
    assert targets.tolist() == list(range(len(lengths)))
    assert mask.sum(0).tolist() == lengths
    for i, (sequence, _) in enumerate(samples):
        assert data[: len(sequence), i].equal(sequence)
        assert not data[len(sequence) :, i].any()
        assert mask[: len(sequence), i].all()


@given(
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    flips=st.tuples(*[st.sampled_from([slice(None), slice(None, None, -1), slice(None, None, -2)])] * 3),
)
def test_arrays_are_read_in_any_direction(lengths, flips):
    whole = np.random.default_rng(0).random((9, 3, 5))
    samples = [(whole[:length][flips], np.arange(3)[flips[0]]) for length in lengths]
    copies = [(sequence.copy(), target.copy()) for sequence, target in samples]
    for own, expected in zip(collate(samples), collate(copies), strict=True):
        assert own.dtype == expected.dtype
        assert own.equal(expected)


PACKED = np.zeros(5, dtype=[("p", "u1"), ("t", "<i8")])
PACKED["t"] = range(5)
LOCKED = np.arange(5)
LOCKED.flags.writeable = False


@pytest.mark.parametrize(
    "array",
    [
        PACKED["t"],
        PACKED["t"][:1],
        PACKED["t"][::-1],
        np.arange(5, dtype=">i4"),
        np.arange(5, dtype=">f8")[::-2],
        LOCKED,
    ],
)
def test_arrays_are_read_however_they_lie_in_memory(array):
    tensor = as_tensor(array)
    assert tensor.tolist() == array.tolist()
    assert tensor.dtype == torch.from_numpy(np.array(array.tolist(), array.dtype.newbyteorder("="))).dtype
    assert collate([(array, array)]).data[:, 0].equal(tensor)


def test_an_array_that_may_not_be_written_to_stays_as_it_is():
    as_tensor(LOCKED).fill_(7)
    assert LOCKED.tolist() == [0, 1, 2, 3, 4]


def test_an_array_that_torch_can_read_is_not_copied():
    array = np.arange(12).reshape(3, 4)
    for view in (array, array.T, array[:, ::2], np.arange(3)[:1]):
        assert as_tensor(view).data_ptr() == view.ctypes.data


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.float16, torch.bfloat16, torch.float64, torch.int16])
def test_the_dtype_is_kept(dtype):
    batch = collate([(torch.ones(2, 3, dtype=dtype), 0), (torch.ones(1, 3, dtype=dtype), 1)])
    assert batch.data.dtype == dtype
    assert batch.data.sum(dtype=torch.float32) == 9


@pytest.mark.parametrize(
    ("targets", "shape", "dtype"),
    [
        ([3, 4], (2,), torch.int64),
        ([0.5, 1.5], (2,), torch.float32),
        ([torch.zeros(7, 3, dtype=torch.uint8)] * 2, (2, 7, 3), torch.uint8),
        ([np.float64(0.25)] * 2, (2,), torch.float64),
        ([[1, 2, 3]] * 2, (2, 3), torch.int64),
    ],
)
def test_targets_of_any_shape_are_stacked(targets, shape, dtype):
    batch = collate([(np.zeros(4), target) for target in targets])
    assert batch.targets.shape == shape
    assert batch.targets.dtype == dtype


def test_it_is_the_collate_fn_of_a_loader_with_workers():
    pairs = LabelledSequences([torch.full((i + 1, 2), float(i)) for i in range(5)], torch.arange(5))
    batches = list(DataLoader(pairs, batch_size=2, collate_fn=collate, num_workers=1))
    assert [batch.lengths.tolist() for batch in batches] == [[1, 2], [3, 4], [5]]
    assert batches[1].targets.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        ([], ValueError, "at least one sample"),
        ([(torch.tensor(1.0), 0)], ValueError, "got a scalar as sample 0"),
        ([(torch.zeros(2, 3), 0), (torch.zeros(2, 4), 0)], ValueError, r"got \[3\] in sample 0 and \[4\] in sample 1"),
        ([(torch.zeros(2), 0), (torch.zeros(2).half(), 0)], TypeError, "torch.float32 in sample 0 and torch.float16"),
        ([(torch.zeros(2), 0), (torch.zeros(2), [0, 1])], ValueError, "targets of one shape"),
        ([(torch.zeros(2), 0), (torch.zeros(2), 0.5)], TypeError, "targets of one dtype"),
    ],
)
def test_samples_that_do_not_form_a_batch_are_refused(samples, error, message):
    with pytest.raises(error, match=message):
        collate(samples)
