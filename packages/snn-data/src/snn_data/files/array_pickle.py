"""NumPy files of Python objects with arrays, read without running anything that they name."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["read_array_pickle"]


def read_array_pickle(path: Path) -> Any:
    """Read the single object in a ``.npy`` file: arrays, numbers, strings, and lists and dicts of them.

    Such a file is a pickle, which may name any function of any module and have it called. Here it may name only the
    functions with which arrays are stored, under NumPy's module names before and since 2.0.

    Raises:
        pickle.UnpicklingError: If the file names anything else; nothing in it has been called.
        ValueError: If it is not an ``.npy`` file of one object.

    Source: Python's documentation of pickle, "Restricting Globals"; NumPy's documentation of ``numpy.lib.format``.
    """
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype != np.dtype(object) or shape != ():
            raise ValueError(f"{path} contains {dtype} of shape {list(shape)}, not one object: read it with numpy.load")
        return _ArrayUnpickler(file, path).load().item()


class _ArrayUnpickler(pickle.Unpickler):
    """A reader that knows only the names in `GLOBALS`."""

    def __init__(self, file: Any, path: Path) -> None:
        super().__init__(file)
        self.path = path

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in GLOBALS:
            raise pickle.UnpicklingError(
                f"{self.path} asks for {module}.{name}, which no array needs: do not open it, and get the file again"
            )
        return GLOBALS[module, name]


# NumPy's private function, found through the pickle description of a public object
RECONSTRUCT: Any = np.empty(0).__reduce__()[0]
GLOBALS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): RECONSTRUCT,
    # protocol 2 stores bytes as text for str.encode, which knows only text encodings, and empty bytes as a call
    ("_codecs", "encode"): str.encode,
    ("__builtin__", "bytes"): bytes,
}
