"""Tensors in one file, in the format of safetensors: a length, a header in JSON, and the numbers."""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from snn_core.files.whole_file import whole_file

NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_ALIGNMENT = 8
_AXES = 64  # the most that torch's operations take
_METADATA = "__metadata__"
_ZIP = b"PK\x03\x04"


def write(path: str | os.PathLike[str], tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors to a file, completely or not at all; equal tensors give equal files.

    The writer of safetensors would need NumPy, and puts the metadata into a random order.
    """
    must_be_known(tensors)
    header: dict[str, Any] = {_METADATA: dict(metadata)} if metadata else {}
    # the widest items first, so that every tensor starts at a multiple of its item's size
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0]))
    end = 0
    for name, tensor in ordered:
        start, end = end, end + tensor.nbytes
        header[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    with whole_file(path) as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, tensor in ordered:
            file.write(as_bytes(tensor))


def must_be_known(tensors: Mapping[str, Tensor]) -> None:
    """Raise a TypeError or a ValueError that names the first tensor that a file cannot store under its name."""
    for name, tensor in tensors.items():
        if tensor.dtype not in NAMES or tensor.layout != torch.strided or tensor.is_meta:
            known = ", ".join(str(dtype).removeprefix("torch.") for dtype in NAMES)
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
    """Return the tensors and the metadata of a file; raise a ValueError if it is anything that is never written."""
    with Path(path).open("rb") as file:
        first, size = file.read(len(_ZIP)), os.fstat(file.fileno()).st_size
    if first == _ZIP:
        raise ValueError(
            f"{path} is a zip file, such as torch.save writes, not a safetensors file; "
            "load it by net.load_state_dict(torch.load(path))"
        )
    try:
        with safe_open(path, "pt", backend="pread") as contents:  # not the tensors of a map, which change with the file
            tensors = {name: contents.get_tensor(name) for name in list(contents.keys())}
            metadata = contents.metadata() or {}
        must_be_known(tensors)
        for name, tensor in tensors.items():
            if tensor.dtype == torch.bool and max(as_bytes(tensor), default=0) > 1:
                raise ValueError(f"{name!r} has dtype bool but contains {max(as_bytes(tensor))}")
    except (SafetensorError, RuntimeError, TypeError, ValueError) as error:
        why = str(error).partition("\n")[0].removeprefix("Error while deserializing header: ")
        raise ValueError(
            f"{path} ({size} bytes) is damaged or not a safetensors file: {why}; copy it again from where it was saved"
        ) from None
    return tensors, metadata
