"""Files in the format of safetensors: those of others are read, ours are theirs, and none that is not true is taken."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys

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
DTYPES = list(tensor_file.NAMES)


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
        (b"", "x (0 bytes) is damaged or not a safetensors file: header too small; copy it again from where it was"),
        (b"\xff" * 16, "x (16 bytes) is damaged or not a safetensors file: header too large"),
        (b"\x02\0\0\0\0\0\0\0[]", "invalid JSON in header: invalid type: sequence"),
        (b"\x02\0\0\0\0\0\0\0\xff\xff", "invalid UTF-8 in header"),
        (b'\x0d\0\0\0\0\0\0\0{"a":1,"a":2}', "invalid JSON in header: invalid type: integer `1`"),
        (b"\x40\x0d\x03\0\0\0\0\0" + b"[" * 200000, "invalid JSON in header"),
    ],
)
def test_a_file_of_another_kind_is_refused(data: bytes, message: str, tmp_path) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ValueError, match=re.escape(message)):
        tensor_file.read(tmp_path / "x")


@pytest.mark.parametrize(
    ("dtype", "shape", "size", "message"),
    [
        ("C64", [1], 8, "'x' is torch.complex64, torch.strided on cpu; a file can store only dense tensors of float64"),
        ("F8_E4M3", [3], 3, "'x' is torch.float8_e4m3fn"),
        ("F4", [2], 1, "shape '[2]' is invalid for input of size 1"),
        ("F6_E2M3", [4], 3, "Dtype not understood: F6_E2M3"),
        ("U8", [1] * 65, 1, "'x' has 65 axes; a file can store tensors of at most 64"),
        ("U8", [0, 2**63], 0, "failed to unpack the object"),
        ("U8", [2**62, 4], 0, "overflow computing buffer size"),
    ],
)
def test_tensors_that_are_never_written_are_not_read(dtype, shape, size, message, tmp_path) -> None:
    header = json.dumps({"x": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}}).encode()
    (tmp_path / "x").write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    with pytest.raises(ValueError, match=rf"damaged or not a safetensors file: .*{re.escape(message)}"):
        tensor_file.read(tmp_path / "x")


def test_a_tensor_that_was_read_does_not_change_with_its_file(tmp_path) -> None:
    tensor_file.write(tmp_path / "x", {"x": torch.ones(3)}, {})
    tensors, _ = tensor_file.read(tmp_path / "x")
    with (tmp_path / "x").open("r+b") as file:
        file.seek(-12, os.SEEK_END)
        file.write(bytes(12))
    assert tensors["x"].tolist() == [1, 1, 1]
    assert tensor_file.read(tmp_path / "x")[0]["x"].tolist() == [0, 0, 0]


def test_a_file_may_have_a_name_that_is_not_text(tmp_path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    tensor_file.write(path, {"x": torch.ones(3)}, {})
    assert tensor_file.read(path)[0]["x"].tolist() == [1, 1, 1]


def test_the_same_content_makes_the_same_file_in_any_process(tmp_path) -> None:
    program = """
import sys, torch
from snn_core.files import tensor_file
tensor_file.write(sys.argv[1], {"b": torch.ones(2), "a": torch.ones(3)}, {str(i): "x" for i in range(9)})
"""
    for name in ("one", "other"):
        subprocess.run([sys.executable, "-c", program, tmp_path / name], check=True)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


@pytest.mark.parametrize("shape", [[2], [1, 2], []])
def test_a_truth_value_that_is_neither_is_refused(shape: list[int], tmp_path) -> None:
    tensor_file.write(tmp_path / "x", {"b": torch.ones(shape, dtype=torch.bool)}, {})
    forged(tmp_path / "x", lambda h: None, data=b"\x01\x02"[-math.prod(shape) :])
    with pytest.raises(ValueError, match="'b' has dtype bool but contains 2"):
        tensor_file.read(tmp_path / "x")


def test_files_need_no_numpy(tmp_path) -> None:
    program = """
import sys, warnings
sys.modules["numpy"] = None
warnings.simplefilter("ignore")
import torch
import snn_core as snn
snn.save(sys.argv[1], snn.Leaky(beta=0.5))
print(snn.load(sys.argv[1]).tensors["beta"])
"""
    ran = subprocess.run([sys.executable, "-c", program, tmp_path / "x"], capture_output=True, text=True, check=True)
    assert ran.stdout == "tensor(0.5000)\n"
