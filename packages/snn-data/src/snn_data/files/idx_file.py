"""Arrays in the idx format, in which MNIST and similar data sets are published."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

__all__ = ["read_idx"]

# the format stores numbers big-endian
DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
GZIP = b"\x1f\x8b"


def read_idx(path: str | Path) -> Tensor:
    """Read an idx file, compressed by gzip or not, such as ``train-images-idx3-ubyte.gz`` of MNIST.

    The file has two bytes of zero, one that names the type, one with the number of dimensions, the size of each
    dimension as a big-endian 32-bit number, and then the values, big-endian, the last dimension fastest.

    Args:
        path: The file; its first bytes, not its name, tell whether it is compressed.

    Returns:
        The values in the shape and of the type that the file names: uint8, int8, int16, int32, float32 or float64.

    Raises:
        ValueError: If it is not an idx file, names an unknown type, has fewer or more bytes than it says, or is
            compressed and damaged.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "labels-idx1-ubyte")
        >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
        >>> read_idx(path)
        tensor([5, 0, 4], dtype=torch.uint8)

    Source: LeCun, Cortes and Burges, The MNIST Database of Handwritten Digits, file formats.
    """
    file = Path(path).expanduser()
    content = file.read_bytes()
    if content.startswith(GZIP):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{file} is a damaged gzip file ({error}): get it again") from error
    if len(content) < 4 or content[:2] != b"\0\0":
        raise ValueError(
            f"{file} begins with {content[:4].hex(' ') or 'nothing'}, but an idx file begins with 00 00, a type and a "
            f"number of dimensions: unpack it, or use a reader for its format"
        )
    code, dimensions = content[2:4]
    if code not in DTYPES:
        known = ", ".join(f"0x{known:02X}" for known in DTYPES)
        raise ValueError(f"{file} names the type 0x{code:02X}, but idx has only {known}: get the file again")
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise ValueError(
            f"{file} ends after {len(content)} bytes, within the sizes of its {dimensions} dimensions: get it again"
        )
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    dtype = np.dtype(DTYPES[code])
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        less_or_more = "fewer" if len(content) < expected else "more"
        raise ValueError(
            f"{file} has {len(content)} bytes, {less_or_more} than the {expected} of its shape {list(shape)} and type "
            f"0x{code:02X}: get it again"
        )
    values = np.frombuffer(content, dtype, offset=start).astype(dtype.newbyteorder("="))
    return torch.from_numpy(values).reshape(shape)
