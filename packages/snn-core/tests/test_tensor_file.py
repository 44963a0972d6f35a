"""Files in the format of safetensors: those of others are read, ours are theirs, and none that is not true is taken."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from snn_core.files import tensor_file

from .forging import forged, parts

# made by safetensors 0.8.0 of {"a": arange(6.).reshape(2, 3), "b": bfloat16 [1.5], "é": uint8 7}
THEIRS = (
    b'\xd0\0\0\0\0\0\0\0{"__metadata__":{"by":"safetensors"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},'
    b'"b":{"dtype":"BF16","shape":[1],"data_offsets":[24,26]},'
    b'"\xc3\xa9":{"dtype":"U8","shape":[],"data_offsets":[26,27]}}     '
    b"\0\0\0\0\0\0\x80?\0\0\0@\0\0@@\0\0\x80@\0\0\xa0@\xc0?\x07"
)
DTYPES = list(tensor_file.DTYPES.values())


def test_files_of_safetensors_are_read(tmp_path) -> None:
    (tmp_path / "theirs").write_bytes(THEIRS)
    tensors, metadata = tensor_file.read(tmp_path / "theirs")
    expected = {
        "a": torch.arange(6.0).reshape(2, 3),
        "b": torch.tensor([1.5], dtype=torch.bfloat16),
        "é": torch.tensor(7, dtype=torch.uint8),
    }
    torch.testing.assert_close(tensors, expected, rtol=0, atol=0)
    assert metadata == {"by": "safetensors"}


def test_the_same_tensors_make_the_same_file_as_those_of_safetensors(tmp_path) -> None:
    (tmp_path / "theirs").write_bytes(THEIRS)
    tensor_file.write(tmp_path / "ours", *tensor_file.read(tmp_path / "theirs"))
    assert parts(tmp_path / "ours") == parts(tmp_path / "theirs")


@given(
    dtype=st.sampled_from(DTYPES),
    shape=st.lists(st.integers(0, 5), max_size=4),
    seed=st.integers(0, 2**31),
    layout=st.sampled_from(["plain", "transposed", "strided", "expanded"]),
)
def test_tensors_of_every_dtype_shape_and_layout_come_back_bit_for_bit(
    tmp_path_factory, dtype: torch.dtype, shape: list[int], seed: int, layout: str
) -> None:
    generator = torch.Generator().manual_seed(seed)
    source = (100 * torch.randn(*shape, 2, generator=generator, dtype=torch.float64)).to(dtype)
    tensor = {
        "plain": lambda: source,
        "transposed": lambda: source.movedim(0, -1),
        "strided": lambda: source[..., ::2],
        "expanded": lambda: source.unsqueeze(0).expand(3, *source.shape),
    }[layout]()
    path = tmp_path_factory.mktemp("files") / "one"
    tensor_file.write(path, {"x": tensor}, {})
    loaded = tensor_file.read(path)[0]["x"]
    assert (loaded.dtype, loaded.shape) == (tensor.dtype, tensor.shape)
    assert tensor_file.as_bytes(loaded) == tensor_file.as_bytes(tensor)


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d.is_floating_point or d.is_signed])
def test_a_tensor_whose_memory_holds_its_negative_is_written_with_its_own_values(dtype, tmp_path) -> None:
    tensor = torch._neg_view(torch.tensor([1, -2, 3], dtype=dtype))
    tensor_file.write(tmp_path / "x", {"x": tensor, "one": torch.tensor([1 + 2j]).conj().imag}, {})
    tensors, _ = tensor_file.read(tmp_path / "x")
    assert tensors["x"].tolist() == [-1, 2, -3]
    assert tensors["one"].tolist() == [-2]


@pytest.mark.parametrize("size", [2**31, 2**32 + 5])
def test_all_bytes_of_a_large_tensor_are_read(size: int, monkeypatch) -> None:
    # memory that nothing writes takes no room, and neither does its length
    monkeypatch.setattr(tensor_file, "bytes", len, raising=False)
    assert tensor_file.as_bytes(torch.empty(size, dtype=torch.uint8)) == size


def test_more_axes_than_torch_computes_with_are_refused(tmp_path) -> None:
    tensor_file.write(tmp_path / "x", {"x": torch.ones([1] * 64)}, {})
    assert tensor_file.read(tmp_path / "x")[0]["x"].dim() == 64
    with pytest.raises(ValueError, match="'x' has 65 axes; a file can store tensors of at most 64"):
        tensor_file.write(tmp_path / "x", {"x": torch.ones([1] * 65)}, {})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "its header claims to have 0 bytes, but the file has 0"),
        (b"\xff" * 16, "its header claims to have 18446744073709551615 bytes"),
        (b"\x02\0\0\0\0\0\0\0[]", "its header is a list"),
        (b"\x02\0\0\0\0\0\0\0\xff\xff", "its header is not JSON"),
        (b'\x0d\0\0\0\0\0\0\0{"a":1,"a":2}', "'a' appears twice"),
        (b"\x40\x0d\x03\0\0\0\0\0" + b"[" * 200000, "its header is not JSON"),
    ],
)
def test_a_file_of_another_kind_is_refused(data: bytes, message: str, tmp_path) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ValueError, match=re.escape(message)):
        tensor_file.read(tmp_path / "x")


def test_a_truth_value_that_is_neither_is_refused(tmp_path) -> None:
    tensor_file.write(tmp_path / "x", {"b": torch.tensor([True, False])}, {})
    forged(tmp_path / "x", lambda h: None, data=b"\x01\x02")
    with pytest.raises(ValueError, match="'b' has dtype bool but contains 2"):
        tensor_file.read(tmp_path / "x")
