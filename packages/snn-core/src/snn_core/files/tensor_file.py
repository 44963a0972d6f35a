"""Tensors in one file, in the format of safetensors: a length, a header in JSON, and the numbers."""

from __future__ import annotations

import ctypes
import io
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from snn_core.files.whole_file import whole_file

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_LONGEST_HEADER = 100 * 10**6  # bytes; the most that safetensors itself allows
_ALIGNMENT = 8
_AXES = 64  # the most that torch's operations take
_METADATA = "__metadata__"
_ZIP = b"PK\x03\x04"
_DEEPEST = 100  # levels of lists and tables in JSON, far below the depth at which Python gives up


def write(path: str | os.PathLike[str], tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors to a file, completely or not at all; an existing file is replaced.

    Raises:
        TypeError: If the format does not support the dtype or layout of a tensor.
        ValueError: If a tensor has a name that a file cannot store, or more than 64 axes.
        OSError: If the file cannot be written.

    Source: the format's description in the documentation of safetensors.
    """
    must_be_known(tensors)
    header: dict[str, Any] = {_METADATA: dict(metadata)} if metadata else {}
    # the widest items first, so that every tensor starts at a multiple of its item's size
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0]))
    end = 0
    for name, tensor in ordered:
        start, end = end, end + tensor.nbytes
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    with whole_file(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, tensor in ordered:
            file.write(as_bytes(tensor))


def must_be_known(tensors: Mapping[str, Tensor]) -> None:
    """Raise unless a file can store the tensors under their names; the message names the first that it cannot store.

    Raises:
        TypeError: If the format does not support the dtype or layout.
        ValueError: If the format does not allow the name or the number of axes.
    """
    for name, tensor in tensors.items():
        if tensor.dtype not in _NAMES or tensor.layout != torch.strided or tensor.is_meta:
            known = ", ".join(str(dtype).removeprefix("torch.") for dtype in _NAMES)
            raise TypeError(
                f"{name!r} is {tensor.dtype}, {tensor.layout} on {tensor.device}; "
                f"a file can store only dense tensors of {known}"
            )
        if tensor.dim() > _AXES:
            raise ValueError(f"{name!r} has {tensor.dim()} axes; a file can store tensors of at most {_AXES}")
        is_text = name == name.encode(errors="replace").decode()  # without a lone half of a surrogate pair
        if name == _METADATA or not is_text:
            raise ValueError(f"a file cannot store a tensor named {name!r}; give it another name")


def as_bytes(tensor: Tensor) -> bytes:
    """Return the numbers of a tensor, in order."""
    plain = tensor.detach().cpu().resolve_neg().contiguous()
    # not ctypes.string_at, which takes its size as an int of C, too short for large tensors
    return bytes((ctypes.c_char * plain.nbytes).from_address(plain.data_ptr())) if plain.numel() else b""


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the tensors and the metadata of a file, whose header must describe exactly the bytes that follow it.

    Raises:
        ValueError: If the file has another format, is cut short, or its header is wrong; the message names every fault.
        OSError: If it cannot be read.
    """
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        header, begin = _header(file, size, path)
        metadata = header.pop(_METADATA, {})
        faults = _faults(header, metadata, size - begin)
        if faults:
            raise _damaged(path, "; ".join(faults))
        return {name: _tensor(file, begin, name, entry, path) for name, entry in header.items()}, metadata


def _header(file: io.BufferedReader, size: int, path: object) -> tuple[dict[str, Any], int]:
    first = file.read(8)
    if first.startswith(_ZIP):
        raise ValueError(
            f"{path} is a zip file, such as torch.save writes, not a safetensors file; "
            "load it by net.load_state_dict(torch.load(path))"
        )
    length = int.from_bytes(first, "little")
    if size < 8 or length > min(size - 8, _LONGEST_HEADER):
        raise _damaged(path, f"its header claims to have {length} bytes, but the file has {size}")
    try:
        header = parsed(file.read(length).decode())
    except ValueError as error:
        raise _damaged(path, f"its header is not JSON ({error})") from None
    if not isinstance(header, dict):
        raise _damaged(path, f"its header is a {type(header).__name__}, not a JSON object")
    return header, 8 + length


def _faults(header: dict[str, Any], metadata: Any, size: int) -> list[str]:
    """List the faults of a header, given the number of bytes that follow it."""
    faults: list[str] = []
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        faults.append("its metadata is not a JSON object of strings")
    entries = {name: entry for name, entry in header.items() if _is_entry(entry)}
    faults += [
        f"{name!r} is not described by dtype, shape and data_offsets, but as {entry!r:.100}"
        for name, entry in header.items()
        if name not in entries
    ]
    at = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1]["data_offsets"]):
        (start, end), shape, dtype = entry["data_offsets"], entry["shape"], entry["dtype"]
        needs = math.prod(shape) * DTYPES[dtype].itemsize
        if needs != end - start:
            faults.append(f"{name!r} of shape {shape} ({dtype}) takes {needs} bytes, not {end - start}")
        if start != at:
            owner = "no" if start > at else "more than one"
            faults.append(f"bytes {min(at, start)} to {max(at, start)} belong to {owner} tensor")
        at = max(at, end)
    if at != size and (entries or not faults):
        faults.append(f"its tensors take {at} bytes, but {size} bytes follow its header")
    return faults


def _is_entry(entry: Any) -> bool:
    match entry:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [start, end]} if len(entry) == 3:
            whole = all(type(n) is int and n >= 0 for n in (*shape, start, end))
            return whole and dtype in DTYPES and len(shape) <= _AXES and max(shape, default=0) < 2**63
    return False


def _tensor(file: io.BufferedReader, begin: int, name: str, entry: dict[str, Any], path: object) -> Tensor:
    dtype, (start, end) = DTYPES[entry["dtype"]], entry["data_offsets"]
    if start == end:
        try:
            return torch.empty(entry["shape"], dtype=dtype)
        except RuntimeError:  # the strides do not fit into 64 bits
            raise _damaged(path, f"{name!r} has a shape that no tensor can have: {entry['shape']}") from None
    memory = bytearray(end - start)
    file.seek(begin + start)
    if file.readinto(memory) != len(memory):
        raise _damaged(path, f"it ends inside {name!r}")
    if dtype == torch.bool and max(memory) > 1:
        raise _damaged(path, f"{name!r} has dtype bool but contains {max(memory)}")
    return torch.frombuffer(memory, dtype=dtype).reshape(entry["shape"])


def _damaged(path: object, why: str) -> ValueError:
    return ValueError(f"{path} is damaged or not a safetensors file: {why}")


def parsed(text: str) -> Any:
    """Return the value of a text in JSON.

    Raises:
        ValueError: If it is not JSON, has a key twice, or is nested deeper than 100 levels.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refused)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {_DEEPEST} levels") from None
    must_be_json(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for name, value in pairs:
        if name in table:
            raise ValueError(f"{name!r} appears twice")
        table[name] = value
    return table


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON number")


def must_be_json(value: Any, levels: int = _DEEPEST) -> None:
    """Raise ValueError if a key is not a string, as JSON would turn it into one, or if there are too many levels."""
    if not levels:
        raise ValueError(f"it is nested deeper than {_DEEPEST} levels")
    for key in value if isinstance(value, dict) else ():
        if not isinstance(key, str):
            raise ValueError(f"the key {key!r:.100} is not a string")
        must_be_json(value[key], levels - 1)
    for item in value if isinstance(value, list | tuple) else ():
        must_be_json(item, levels - 1)
