"""One-hot labels: there and back."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snn_spikegen import from_one_hot, to_one_hot, to_one_hot_inverse


@settings(deadline=None)
@given(labels=st.lists(st.integers(0, 6), max_size=9))
def test_labels_survive_the_round_trip(labels):
    targets = torch.tensor(labels, dtype=torch.int64)
    assert torch.equal(from_one_hot(to_one_hot(targets, 7)), targets)


def test_labels_are_returned_and_not_rows():
    # Both rows are one-hot at 2: the labels are 2, 2 and not the row numbers 0, 1.
    assert from_one_hot(torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])).tolist() == [2, 2]


def test_a_row_is_one_at_its_label_only():
    rows = to_one_hot(torch.tensor([2, 0]), num_classes=3)
    assert rows.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert to_one_hot_inverse(rows).tolist() == [[1, 1, 0], [0, 1, 1]]


def test_every_axis_of_the_labels_stays():
    targets = torch.tensor([[0, 1, 2], [2, 1, 0]])
    assert to_one_hot(targets, 5).shape == (2, 3, 5)
    assert torch.equal(from_one_hot(to_one_hot(targets, 5)), targets)
    assert to_one_hot(torch.tensor(1), 3).tolist() == [0, 1, 0]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_integer_labels_give_the_default_dtype(dtype):
    rows = to_one_hot(torch.tensor([1, 0], dtype=dtype), 2)
    assert rows.dtype == torch.get_default_dtype()
    assert to_one_hot_inverse(rows.to(dtype)).dtype == torch.get_default_dtype()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_floating_labels_keep_their_dtype(dtype):
    rows = to_one_hot(torch.tensor([1.0, 0.0], dtype=dtype), 2)
    assert rows.dtype == dtype
    assert to_one_hot_inverse(rows).dtype == dtype
    assert from_one_hot(rows).dtype == torch.int64


def test_the_inverse_leaves_its_input_alone():
    rows = torch.tensor([0.0, 3.0, -1.0])
    assert to_one_hot_inverse(rows).tolist() == [1, 0, 0]
    assert rows.tolist() == [0, 3, -1]


@pytest.mark.parametrize(("label", "text"), [(3, "3"), (-1, "-1"), (1.5, "1.5"), (float("nan"), "nan")])
def test_labels_that_are_not_a_class_are_refused(label, text):
    with pytest.raises(ValueError, match=rf"targets must be integers in \[0, 2\] with num_classes=3, got {text}"):
        to_one_hot(torch.tensor([0, label]), 3)


def test_the_number_of_classes_is_at_least_one():
    with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
        to_one_hot(torch.tensor([0]), 0)
    with pytest.raises(TypeError, match=r"num_classes must be an int, got 2\.0"):
        to_one_hot(torch.tensor([0]), 2.0)


@pytest.mark.parametrize("row", [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [float("nan"), 1.0, 0.0]])
def test_a_row_without_a_single_largest_entry_has_no_label(row):
    with pytest.raises(ValueError, match=r"row \(1,\)"):
        from_one_hot(torch.tensor([[0.0, 1.0, 0.0], row]))


def test_rows_need_a_class_axis():
    with pytest.raises(ValueError, match="class axis"):
        from_one_hot(torch.tensor(1.0))
    with pytest.raises(ValueError, match="class axis"):
        from_one_hot(torch.zeros(3, 0))


@pytest.mark.parametrize("function", [lambda x: to_one_hot(x, 3), to_one_hot_inverse, from_one_hot])
def test_labels_and_rows_are_real_tensors(function):
    with pytest.raises(TypeError, match=r"must be a torch\.Tensor, got list"):
        function([0, 1])
    with pytest.raises(TypeError, match="complex"):
        function(torch.zeros(2, dtype=torch.complex64))
