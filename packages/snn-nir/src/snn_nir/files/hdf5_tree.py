"""The content of an untrusted HDF5 file as nested dicts.

Nothing is allocated before its size is known to be affordable, no link leaves the file, no data come from elsewhere,
and no filter is loaded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from snn_nir.codes import refusal
from snn_nir.files.hdf5_chunks import check_fill, read_chunks
from snn_nir.files.hdf5_text import TextHeap

Tree = dict[str, Any]

_FREE_BYTES = 2**26  # any file may expand to this size
_TEXT_BYTES = 2**24
_MAX_NAME = 2**10


@dataclass(frozen=True)
class Limits:
    """Limits on what a file may use.

    Args:
        max_bytes: Bytes of all values together.
        max_expansion: Bytes of values for each byte of the file, beyond the first 64 MiB.
        max_objects: Groups and datasets together.
        max_levels: Groups within groups; a nested graph takes two.

    Example:
        >>> Limits(max_bytes=2**33).max_objects
        20000
    """

    max_bytes: int = 2**32
    max_expansion: int = 256
    max_objects: int = 20_000
    max_levels: int = 72


def read_tree(group: h5py.Group, heap: TextHeap, limits: Limits, path: str) -> Tree:
    """Return the content of a group by name: dicts for groups; arrays, NumPy scalars or text for datasets."""
    return _Walk(heap, limits).group(group, path, ())


class _Walk:
    def __init__(self, heap: TextHeap, limits: Limits):
        self.heap, self.source, self.limits = heap, heap.source, limits
        self.objects = 0
        self.bytes = 0
        self.text_bytes = 0

    def group(self, group: h5py.Group, path: str, above: tuple[Any, ...]) -> Tree:
        identity = h5py.h5g.get_objinfo(group.id).objno
        if identity in above or len(above) >= self.limits.max_levels:
            raise refusal("NIR107", path, "a group in itself" if identity in above else f"{len(above)} levels")
        self._count(path, len(group))
        tree = {}
        for name in group:
            if not isinstance(name, str):
                raise refusal("NIR216", path, repr(name)[:80])
            if len(name) > _MAX_NAME or name == "." or "/" in name:  # a name with "/" would be looked up as a path
                raise refusal("NIR113", path, f"{name[:80]!r}, {len(name)} characters")
            here = f"{path}/{name}"
            if not _is_plain(group, name):
                raise refusal("NIR103", here, "a soft, external or user-defined link")
            item = group[name]
            if isinstance(item, h5py.Group):
                tree[name] = self.group(item, here, (*above, identity))
            elif isinstance(item, h5py.Dataset):
                tree[name] = self.dataset(item.id, here)
            else:
                raise refusal("NIR106", here, "a stored data type instead of data")
        return tree

    def dataset(self, dataset: h5py.h5d.DatasetID, path: str) -> Any:
        plist = dataset.get_create_plist()
        layout = plist.get_layout()
        if layout == h5py.h5d.VIRTUAL or plist.get_external_count():
            raise refusal("NIR104", path, "virtual data" if layout == h5py.h5d.VIRTUAL else "raw data in another file")
        if dataset.get_space().get_simple_extent_type() == h5py.h5s.NULL:
            raise refusal("NIR106", path, "no value")
        kind, size = dataset.get_type(), dataset.get_type().get_size()
        self._charge(math.prod(dataset.shape) * size, path)
        if layout == h5py.h5d.CHUNKED and math.prod(plist.get_chunk()) * size > max(_FREE_BYTES // 4, self.source.size):
            raise refusal("NIR105", path, f"chunks of shape {plist.get_chunk()}", "write it in smaller chunks")
        if isinstance(kind, h5py.h5t.TypeStringID):
            if plist.get_nfilters():
                raise refusal("NIR112", path, "filtered text", "write text uncompressed")
            return self._text(dataset, kind.is_variable_str(), path)
        dtype = dataset.dtype
        if dtype.kind not in "biuf" or dtype.itemsize > 8 or not h5py.h5t.py_create(dtype, logical=True).equal(kind):
            raise refusal("NIR106", path, f"type {dtype}")
        if layout == h5py.h5d.CHUNKED:
            array = read_chunks(dataset, dtype, self.source, path)
        elif layout == h5py.h5d.CONTIGUOUS:
            array = self._contiguous(dataset, dtype, path)
        else:
            array = np.empty(dataset.shape, dtype)
            dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, array)
        array = array.astype(dtype.newbyteorder("="), copy=False)
        return array if array.ndim else array[()]

    def _contiguous(self, dataset: h5py.h5d.DatasetID, dtype: np.dtype, path: str) -> np.ndarray:
        at = dataset.get_offset()
        if at is None:
            check_fill(dataset.get_create_plist(), path)
            return np.zeros(dataset.shape, dtype)
        content = self.source.read(at, math.prod(dataset.shape) * dtype.itemsize, path)
        return np.frombuffer(bytearray(content), dtype).reshape(dataset.shape)

    def _text(self, dataset: h5py.h5d.DatasetID, variable: bool, path: str) -> Any:
        self._count(path, math.prod(dataset.shape))
        if variable:
            entries = self.heap.read(dataset, _TEXT_BYTES - self.text_bytes, path)
        else:
            entries = np.asarray(h5py.Dataset(dataset)[()]).reshape(-1).tolist()
        self.text_bytes += sum(map(len, entries))
        text = [_decoded(entry, path) for entry in entries]
        return np.array(text, dtype=object).reshape(dataset.shape).tolist()

    def _count(self, path: str, objects: int) -> None:
        self.objects += objects
        if self.objects > self.limits.max_objects:
            raise refusal("NIR105", path, f"more than {self.limits.max_objects} entries")

    def _charge(self, size: int, path: str) -> None:
        self.bytes += size
        allowed = min(self.limits.max_bytes, max(_FREE_BYTES, self.limits.max_expansion * self.source.size))
        if self.bytes > allowed:
            raise refusal("NIR105", path, f"{self.bytes} bytes of values from a file of {self.source.size}")


def _is_plain(group: h5py.Group, name: str) -> bool:
    try:
        return isinstance(group.get(name, getlink=True), h5py.HardLink)
    except TypeError:  # a user-defined link
        return False


def _decoded(raw: bytes, path: str) -> str:
    try:
        return raw.decode("utf8")
    except UnicodeDecodeError:
        raise refusal("NIR216", path, repr(raw[:40])) from None
