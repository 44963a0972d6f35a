"""read_idx: files in the format of MNIST, written here byte by byte."""

from __future__ import annotations

import gzip
import itertools
import math
import struct

import pytest
import torch

from snn_data import read_idx

TYPES = {
    0x08: ("B", torch.uint8, [0, 1, 127, 128, 255]),
    0x09: ("b", torch.int8, [-128, -1, 0, 1, 127]),
    0x0B: ("h", torch.int16, [-(2**15), -2, 0, 258, 2**15 - 1]),
    0x0C: ("i", torch.int32, [-(2**31), -2, 0, 16909060, 2**31 - 1]),
    0x0D: ("f", torch.float32, [-1.5, 0.0, 2.0**-149, 3.25, float("inf")]),
    0x0E: ("d", torch.float64, [-1.5, 0.1, 5e-324, 1e300, float("-inf")]),
}


def idx(code, shape, values):
    """The bytes of an idx file."""
    letter = TYPES[code][0]
    return struct.pack(f">HBB{len(shape)}I{len(values)}{letter}", 0, code, len(shape), *shape, *values)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("code", TYPES)
def test_every_type_is_read_as_it_is(tmp_path, code, packed):
    _, dtype, values = TYPES[code]
    content = idx(code, [5], values)
    (tmp_path / "a").write_bytes(gzip.compress(content) if packed else content)
    tensor = read_idx(tmp_path / "a")
    assert tensor.dtype == dtype
    assert tensor.tolist() == values


@pytest.mark.parametrize("shape", [[], [7], [1, 1], [5, 7, 3], [2, 3, 1, 5], [2] * 9, [1] * 64, [0], [3, 0, 28]])
@pytest.mark.parametrize("code", [0x08, 0x0C])
def test_any_number_of_dimensions_is_read_with_the_last_one_fastest(tmp_path, shape, code):
    values = [i % 251 for i in range(math.prod(shape))]
    (tmp_path / "a").write_bytes(idx(code, shape, values))
    tensor = read_idx(tmp_path / "a")
    assert list(tensor.shape) == shape
    assert tensor.flatten().tolist() == values
    if len(shape) == 3 and values:
        places = itertools.product(*map(range, shape))
        assert all(tensor[place] == values[i] for i, place in enumerate(places))


def test_a_path_may_be_text_and_the_tensor_may_be_written_to(tmp_path):
    (tmp_path / "a").write_bytes(idx(0x08, [3], [5, 0, 4]))
    tensor = read_idx(str(tmp_path / "a"))
    tensor += 1
    assert tensor.tolist() == [6, 1, 5]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing, but an idx file begins with 00 00"),
        (b"\0\0\x08", "begins with 00 00 08, but an idx file begins with 00 00"),
        (
            b"\x89PNG\r\n",
            "begins with 89 50 4e 47, but an idx file begins with 00 00, a type .* or use a reader for its format",
        ),
        (b"\0\1\x08\1\0\0\0\0", "begins with 00 01 08 01"),
        (b"\0\0\x0a\1\0\0\0\0", "names the type 0x0A, but idx has only 0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E"),
        (b"\0\0\x08\3\0\0\0\1\0\0", "ends after 10 bytes, within the sizes of its 3 dimensions"),
        (idx(0x0B, [5, 3], range(15))[:-1], r"has 41 bytes, fewer than the 42 of its shape \[5, 3\] and type 0x0B"),
        (idx(0x0E, [2], [1, 2]) + b"\n", r"has 25 bytes, more than the 24 of its shape \[2\] and type 0x0E"),
        (b"\0\0\x0e\4" + b"\xff" * 16, "has 20 bytes, fewer than the 2722258932"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_an_incomplete_idx_file_is_refused_by_name(tmp_path, content, message, packed):
    (tmp_path / "a.idx").write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(ValueError, match=rf"a\.idx {message}"):
        read_idx(tmp_path / "a.idx")


def test_a_packed_file_with_another_byte_is_refused_by_name(tmp_path):
    content = bytearray(gzip.compress(idx(0x08, [64], range(64))))
    content[-8] ^= 1  # of the checksum
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.gz is a damaged gzip file \(CRC"):
        read_idx(tmp_path / "a.gz")


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "nothing")
