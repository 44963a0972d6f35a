"""Samples taken from what data sets keep them in: by an array of indices and by a range, copies of the same kind."""

import numpy as np
import pytest
import torch

from snn_data.splits.dataset_fields import take

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
def test_the_result_is_a_separate_copy(kind):
    values = KINDS[kind](VALUES)
    result = take(values, range(2, 5))
    values[3] = -1
    np.testing.assert_array_equal(np.asarray(result), VALUES[2:5])
    if isinstance(result, torch.Tensor):
        assert result.is_contiguous()
        assert result.untyped_storage().nbytes() == result.numel() * 8


DTYPES = [torch.uint8, torch.bool, torch.float32, torch.float64, torch.bfloat16, torch.complex64]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("megabytes", [0, 5])
@pytest.mark.parametrize("transposed", [False, True])
def test_many_samples_are_taken_as_few_are(dtype, megabytes, transposed):
    generator = torch.Generator().manual_seed(0)
    samples = 3 + megabytes * 2**20 // (100 * 113 * dtype.itemsize)
    numbers = torch.randint(0, 256, (samples, 100, 113), generator=generator)
    values = numbers.to(dtype).transpose(1, 2) if transposed else numbers.to(dtype)
    chosen = torch.randperm(samples, generator=generator)[: samples - 1].numpy()
    result = take(values, chosen)
    assert result.dtype == dtype
    assert torch.equal(result, values[torch.from_numpy(chosen)])
    assert result.is_contiguous()
    before = result.clone()
    values.zero_()
    assert torch.equal(result, before)


@pytest.mark.parametrize("samples", [3, 110])
def test_samples_stay_in_the_autograd_graph(samples):
    values = torch.ones(samples, 113, 100, requires_grad=True)
    take(values, np.arange(samples - 1)).sum().backward()
    assert values.grad.sum().item() == (samples - 1) * 113 * 100
    assert not values.grad[-1].any()


@pytest.mark.parametrize("samples", [3, 110])
def test_a_kind_of_tensor_stays_one(samples):
    class Images(torch.Tensor):
        pass

    values = torch.rand(samples, 113, 100).as_subclass(Images)
    result = take(values, np.arange(samples - 1))
    assert type(result) is Images
    assert torch.equal(result, values[:-1])


def test_an_index_that_is_not_there_is_refused_in_many_samples_too():
    for samples in (3, 110):
        with pytest.raises((IndexError, RuntimeError), match="index out of range"):
            take(torch.zeros(samples, 113, 100), np.array([*range(samples - 1), samples]))


def test_many_samples_can_be_shared_with_processes_and_saved(tmp_path):
    values = torch.rand(110, 113, 100, generator=torch.Generator().manual_seed(0))
    result = take(values, np.arange(109))
    torch.save(result, tmp_path / "taken.pt")
    assert torch.equal(torch.load(tmp_path / "taken.pt"), values[:109])
    assert torch.equal(result.share_memory_(), values[:109])
