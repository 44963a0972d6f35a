"""Samples on disk: read as they were written, and without running anything."""

from __future__ import annotations

import io
import math
import os
import pickle
import stat
import zipfile

import numpy as np
import pytest
import torch

from snn_data.files.sample_file import read_sample, write_sample

from .rare_dtypes import RARE, stored_as

EVENTS = np.array([(1, 2, True), (3, 4, False)], dtype=[("t", "<i8"), ("x", "<i2"), ("p", "?")])


def identical(left, right):
    if type(left) is not type(right):
        return False
    if isinstance(left, torch.Tensor):
        return left.dtype == right.dtype and left.shape == right.shape and torch.equal(left, right)
    if isinstance(left, (np.ndarray, np.generic)):
        return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(identical, left, right))
    if isinstance(left, dict):
        return identical(list(left.items()), list(right.items()))
    return left == right


@pytest.mark.parametrize(
    "sample",
    [
        (torch.rand(7, 3, 5), 4),
        (torch.zeros(0, 3), torch.tensor(2)),
        (torch.rand(3).half(), torch.rand(3).bfloat16(), torch.rand(3).double(), torch.tensor([1 + 2j])),
        (torch.tensor([True, False]), torch.arange(5, dtype=torch.uint8), torch.tensor(1).bfloat16()),
        (EVENTS, np.float16(0.5), np.bool_(True), EVENTS[0]),
        ([1, 2.5, "text", None, True, [], (), {}], {"a": 1, 2: (3,), None: [torch.ones(1)]}),
        {"list": ["tensor", {"array": 0}]},
        torch.rand(4, 6).T[::2],
        np.arange(12).reshape(3, 4)[:, ::-1],
        float("inf"),
        -0.0,
        2**70,
    ],
)
def test_a_sample_comes_back_as_it_was(tmp_path, sample):
    write_sample(tmp_path / "sample.npz", sample)
    assert identical(read_sample(tmp_path / "sample.npz"), sample)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex64])
def test_a_tensor_whose_memory_holds_its_negative_or_conjugate_comes_back_as_what_it_is(tmp_path, dtype):
    sample = [torch._neg_view(torch.tensor([1, -2], dtype=dtype)), torch.tensor([1 + 2j]).conj()]
    write_sample(tmp_path / "sample", sample)
    negative, conjugate = read_sample(tmp_path / "sample")
    assert negative.tolist() == [-1, 2]
    assert conjugate.tolist() == [1 - 2j]


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
@pytest.mark.parametrize("dtype", RARE)
@pytest.mark.parametrize("shape", [(), (3,), (0, 2), (2, 3)])
def test_a_tensor_of_a_dtype_that_numpy_lacks_comes_back_as_it_was(tmp_path, dtype, shape):
    stored = torch.randint(0, 256, (math.prod(shape) * dtype.itemsize,), dtype=torch.uint8)
    sample = stored_as(stored, dtype).reshape(shape)
    write_sample(tmp_path / "sample.npz", [sample, sample.movedim(-1, 0) if shape else sample])
    first, second = read_sample(tmp_path / "sample.npz")
    for own in (first, second.movedim(0, -1) if shape else second):
        assert (own.dtype, own.shape) == (dtype, sample.shape)
        assert own.flatten().view(torch.uint8).equal(stored)


def test_a_tensor_that_needs_grad_comes_back_without_a_graph(tmp_path):
    write_sample(tmp_path / "sample.npz", torch.ones(2, requires_grad=True) * 2)
    assert read_sample(tmp_path / "sample.npz").tolist() == [2, 2]


@pytest.mark.parametrize(
    ("sample", "name"),
    [
        ({1, 2}, "builtins.set"),
        (b"bytes", "builtins.bytes"),
        (object(), "builtins.object"),
        (np.array([None]), "numpy.ndarray"),
        (torch.eye(2).to_sparse(), "torch.Tensor"),
    ],
)
def test_samples_that_do_not_fit_are_refused_and_leave_no_file(tmp_path, sample, name):
    with pytest.raises(TypeError, match=f"a sample contains a {name}, which cannot be cached"):
        write_sample(tmp_path / "sample.npz", [1, sample])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_would_run_code_is_refused(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (print, ("run",))

    with zipfile.ZipFile(tmp_path / "sample.npz", "w") as packed:
        buffer = io.BytesIO()
        np.lib.format.write_array_header_1_0(buffer, {"descr": "|O", "fortran_order": False, "shape": ()})
        packed.writestr("tree.npy", buffer.getvalue() + pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match="contains no sample that write_sample wrote"):
        read_sample(tmp_path / "sample.npz")


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077])
def test_others_may_read_a_file_as_the_umask_says(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_sample(tmp_path / "sample.npz", 1)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "sample.npz").stat().st_mode) == 0o666 & ~mask


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_sample(tmp_path / "none.npz")
