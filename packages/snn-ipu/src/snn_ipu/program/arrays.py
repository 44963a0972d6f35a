"""Files of arrays, ``.npz``, read and written with the standard library, without numpy and without pickle."""

from __future__ import annotations

import ast
import ctypes
import math
import struct
import zipfile
from pathlib import Path
from typing import Mapping

import torch
from torch import Tensor

__all__ = ["ArrayError", "bytes_of", "read", "write"]

_MAGIC = b"\x93NUMPY"
_CODES = {
    torch.float16: "<f2",
    torch.float32: "<f4",
    torch.float64: "<f8",
    torch.int32: "<i4",
    torch.int64: "<i8",
    torch.uint8: "|u1",
    torch.bool: "|b1",
}
_DTYPES = {code: dtype for dtype, code in _CODES.items()}


class ArrayError(ValueError):
    """Error for a file of arrays that is damaged or contains anything but plain numbers."""


def write(path: str | Path, arrays: Mapping[str, Tensor]) -> None:
    """Write tensors to an ``.npz`` file, which ``numpy.load`` reads too.

    Example:
        >>> import os, tempfile
        >>> file = os.path.join(tempfile.mkdtemp(), "weights.npz")
        >>> write(file, {"0.weight": torch.eye(2)})
        >>> read(file)
        {'0.weight': tensor([[1., 0.],
                [0., 1.]])}
    """
    for name, array in arrays.items():
        if array.dtype not in _CODES:
            raise ArrayError(f"{name!r} has dtype {array.dtype}; a bundle can contain {', '.join(map(str, _CODES))}")
    with zipfile.ZipFile(str(path), "w") as file:  # its members have no date, so that equal arrays make equal files
        for name, array in arrays.items():
            file.writestr(zipfile.ZipInfo(f"{name}.npy"), _header(array) + bytes_of(array))


def read(path: str | Path) -> dict[str, Tensor]:
    """Read the tensors of an ``.npz`` file.

    Raises:
        ArrayError: If the file is not such an archive, is truncated, or contains objects or a different dtype.
        OSError: If it cannot be opened.

    Example:
        See :func:`write`.
    """
    try:
        with zipfile.ZipFile(str(path)) as file:
            return {_name(info.filename): _array(file, info, Path(path).stat().st_size) for info in file.infolist()}
    except (zipfile.BadZipFile, EOFError, struct.error, RuntimeError) as error:  # RuntimeError if it is encrypted
        raise ArrayError(f"{path} is not a readable .npz file: {error}") from error


def _name(filename: str) -> str:
    if not filename.endswith(".npy"):
        raise ArrayError(f"the archive contains {filename!r}; an .npz file contains only .npy files")
    return filename[: -len(".npy")]


def _header(array: Tensor) -> bytes:
    shape = "".join(f"{size}, " for size in array.shape)
    text = f"{{'descr': {_CODES[array.dtype]!r}, 'fortran_order': False, 'shape': ({shape}), }}"
    length = len(_MAGIC) + 4 + len(text) + 1
    text += " " * (-length % 64) + "\n"
    return _MAGIC + b"\x01\x00" + struct.pack("<H", len(text)) + text.encode("latin1")


def bytes_of(array: Tensor) -> bytes:
    """Return the numbers of a tensor as they are in memory, in order."""
    flat = array.detach().cpu().resolve_neg().contiguous()
    size = flat.numel() * flat.element_size()
    # not string_at, whose size is an int of C
    return bytes((ctypes.c_char * size).from_address(flat.data_ptr())) if size else b""


def _array(file: zipfile.ZipFile, info: zipfile.ZipInfo, available: int) -> Tensor:
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > available:
        raise ArrayError(
            f"{info.filename!r} is compressed or larger than its file; write it with snn_ipu or numpy.savez"
        )
    data = file.read(info)
    if data[:6] != _MAGIC or data[6:7] not in (b"\x01", b"\x02"):
        raise ArrayError(f"{info.filename!r} is not a .npy file")
    size = 2 if data[6:7] == b"\x01" else 4
    (length,) = struct.unpack_from("<H" if size == 2 else "<I", data, 8)
    start = 8 + size + length
    code, fortran, shape = _described(data[8 + size : start], info.filename)
    dtype = _DTYPES[code]
    count = math.prod(shape)
    if fortran or len(data) - start != count * torch.empty(0, dtype=dtype).element_size():
        raise ArrayError(f"{info.filename!r} does not contain the {count} numbers in C order that its header promises")
    if count == 0:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(bytearray(data[start:]), dtype=dtype).reshape(shape)


def _described(header: bytes, filename: str) -> tuple[str, bool, tuple[int, ...]]:
    try:
        result = ast.literal_eval(header.decode("latin1").strip())
        code, fortran, shape = result["descr"], result["fortran_order"], result["shape"]
    except (ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError) as error:
        raise ArrayError(f"{filename!r} has no readable header") from error
    if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
        raise ArrayError(f"{filename!r} has shape {shape!r}; a shape is a tuple of sizes")
    if not isinstance(code, str) or code not in _DTYPES:
        raise ArrayError(f"{filename!r} contains {code!r}; a bundle contains numbers ({', '.join(_DTYPES)})")
    return code, bool(fortran), shape
