"""A sample in a file that runs no code when it is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from snn_data.files.atomic import atomic_file

__all__ = ["content_of", "read_sample", "write_sample"]

# Dtypes that NumPy lacks, such as bfloat16, are stored as integers of the same number of bytes.
INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32}


def write_sample(path: Path, sample: object) -> None:
    """Write a sample to an ``.npz`` file, atomically: arrays as they are, and the rest as JSON.

    Raises:
        TypeError: If the sample contains anything but tensors, arrays (structured ones too), numbers, texts, None, and
            lists, tuples and dicts of them.
    """
    arrays: list[np.ndarray] = []
    tree = json.dumps(_encoded(sample, arrays))
    with atomic_file(path) as file:
        # named arr_0, arr_1, ... by NumPy
        np.savez_compressed(file, *arrays, tree=np.array(tree))


def read_sample(path: Path) -> Any:
    """Read a sample that `write_sample` wrote, with the same values, types, shapes and dtypes.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or was written by another program.
    """
    with path.open("rb") as file:
        try:
            with np.load(file, allow_pickle=False) as stored:
                return _decoded(json.loads(str(stored["tree"])), stored)
        except Exception as error:  # zipfile, zlib, json and numpy each have their own ways to refuse a damaged file
            raise ValueError(f"{path} contains no sample that write_sample wrote ({error}): delete it") from error


def content_of(sample: object) -> Any:
    """Return a value that differs if the content of a sample does; None if the sample cannot be stored."""
    arrays: list[np.ndarray] = []
    try:
        tree = json.dumps(_encoded(sample, arrays))
    except TypeError:
        return None
    return tree, [(array.shape, array.dtype, array.tobytes()) for array in arrays]


def _encoded(value: Any, arrays: list[np.ndarray]) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind in (list, tuple):
        return {kind.__name__: [_encoded(item, arrays) for item in value]}
    if kind is dict:
        return {"dict": [[_encoded(key, arrays), _encoded(item, arrays)] for key, item in value.items()]}
    if isinstance(value, Tensor) and value.layout == torch.strided and not value.is_quantized:
        plain = value.detach().cpu().resolve_conj().resolve_neg()  # so that the bytes are those of the numbers
        arrays.append(_numpy(plain))
        return {"tensor": [len(arrays) - 1, str(value.dtype).removeprefix("torch.")]}
    if kind is np.ndarray and not value.dtype.hasobject:
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, np.generic) and not value.dtype.hasobject:
        arrays.append(np.asarray(value))
        return {"scalar": len(arrays) - 1}
    raise TypeError(
        f"a sample contains a {kind.__module__}.{kind.__qualname__}, which cannot be cached: let the transform return "
        "tensors, arrays, numbers, texts, and lists, tuples and dicts of them"
    )


def _numpy(plain: Tensor) -> np.ndarray:
    try:
        return plain.numpy()
    except TypeError:
        return plain.view(INTEGERS[plain.dtype.itemsize]).numpy()


def _decoded(value: Any, stored: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "dict":
        return {_decoded(key, stored): _decoded(item, stored) for key, item in content}
    if kind in ("list", "tuple"):
        items = [_decoded(item, stored) for item in content]
        return items if kind == "list" else tuple(items)
    if kind == "tensor":
        index, dtype = content
        return torch.from_numpy(stored[f"arr_{index}"]).view(getattr(torch, dtype))
    array = stored[f"arr_{content}"]
    return array if kind == "array" else array[()]
