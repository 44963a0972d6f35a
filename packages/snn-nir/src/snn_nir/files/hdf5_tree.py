"""The content of an untrusted HDF5 file as nested dicts.

h5py reads a dataset once the size, type, filters and chunks of it are found to be affordable and undamaged: HDF5 itself
decompresses for as long as the data demand, allocates the length that a text states, loads plug-ins for unknown
filters, and returns what was in memory where a chunk is too short. No link leaves the file.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Any, BinaryIO

import h5py
import numpy as np

from snn_nir.codes import refusal

Tree = dict[str, Any]

_FREE_BYTES = 2**26  # any file may expand to this size
_TEXT_BYTES = 2**24
_MAX_NAME = 2**10
_MAX_CHUNKS = 2**17
_GZIP, _LZF = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_LZF


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


def read_tree(group: h5py.Group, stream: BinaryIO, size: int, limits: Limits, path: str) -> Tree:
    """Return the content of a group by name: dicts for groups; arrays, NumPy scalars or text for datasets.

    Args:
        group: The group, of an open file.
        stream: The file, of which ``size`` bytes can be read.
        size: Size of the file.
        limits: What the file may use.
        path: Path of the group, for messages.
    """
    return _Walk(stream, size, limits).group(group, path, ())


class _Walk:
    def __init__(self, stream: BinaryIO, size: int, limits: Limits):
        self.stream, self.size, self.limits = stream, size, limits
        self.objects = 0
        self.bytes = 0
        self.text_bytes = 0
        self.heaps: dict[int, int] = {}  # sizes by address

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
        if layout == h5py.h5d.CHUNKED and math.prod(plist.get_chunk()) * size > max(_FREE_BYTES // 4, self.size):
            raise refusal("NIR105", path, f"chunks of shape {plist.get_chunk()}", "write it in smaller chunks")
        if isinstance(kind, h5py.h5t.TypeStringID):
            return self._text(dataset, kind.is_variable_str(), path)
        dtype = dataset.dtype
        if dtype.kind not in "biuf" or dtype.itemsize > 8 or not h5py.h5t.py_create(dtype, logical=True).equal(kind):
            raise refusal("NIR106", path, f"type {dtype}")
        missing = layout == h5py.h5d.CONTIGUOUS and dataset.get_offset() is None
        if layout == h5py.h5d.CHUNKED:
            missing = self._check_chunks(dataset, dtype.itemsize, path)
        if missing and plist.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED:
            # HDF5 reads a damaged one beyond its end
            raise refusal("NIR104", path, "a fill value instead of data", "write all values")
        array = np.asarray(h5py.Dataset(dataset)[()])
        array = array.astype(dtype.newbyteorder("="), copy=False)
        return array if array.ndim else array[()]

    def _check_chunks(self, dataset: h5py.h5d.DatasetID, itemsize: int, path: str) -> bool:
        """Refuse foreign filters and chunks that are too short or too long; return True if some are missing."""
        plist = dataset.get_create_plist()
        filters = [plist.get_filter(position) for position in range(plist.get_nfilters())]
        numbers = [number for number, *_ in filters]
        packing = numbers[1:] if numbers[:1] == [h5py.h5z.FILTER_SHUFFLE] else numbers
        if packing not in ([], [_GZIP], [_LZF]):
            raise refusal("NIR112", path, f"filter {', '.join(map(str, numbers))}")
        if packing != numbers and tuple(filters[0][2][:1]) != (itemsize,):
            raise refusal("NIR111", path, f"bytes shuffled by {filters[0][2]}, not {itemsize}")
        size = math.prod(plist.get_chunk()) * itemsize
        places = set()
        for info in _chunks(dataset, path):
            if any(start >= end for start, end in zip(info.chunk_offset, dataset.shape, strict=True)):
                raise refusal("NIR111", path, f"a chunk at {info.chunk_offset}, outside {dataset.shape}")
            places.add(info.chunk_offset)
            packed = bool(packing) and not info.filter_mask >> (len(numbers) - 1) & 1
            data = self._raw(info.byte_offset, info.size, path)
            length = _unpacked_size(data, packing[0], size) if packed else len(data)
            if length != size:
                raise refusal("NIR111", path, f"a chunk of {length} bytes, not {size}")
        whole = math.prod(-(-end // step) for end, step in zip(dataset.shape, plist.get_chunk(), strict=True))
        return len(places) < whole

    def _text(self, dataset: h5py.h5d.DatasetID, variable: bool, path: str) -> Any:
        plist = dataset.get_create_plist()
        if plist.get_nfilters():
            raise refusal("NIR112", path, "filtered text", "write text uncompressed")
        self._count(path, math.prod(dataset.shape))
        if variable and self._stated(dataset, path) > _TEXT_BYTES - self.text_bytes:
            raise refusal("NIR105", path, f"more than {_TEXT_BYTES} bytes of text", "shorten the text")
        entries = np.asarray(h5py.Dataset(dataset)[()], object).reshape(-1).tolist()
        self.text_bytes += sum(map(len, entries))
        text = [_decoded(entry, path) for entry in entries]
        return np.array(text, dtype=object).reshape(dataset.shape).tolist()

    def _stated(self, dataset: h5py.h5d.DatasetID, path: str) -> int:
        """Return the sum of the lengths of texts, which HDF5 allocates before it looks for them in their heaps.

        Source: HDF5 File Format Specification 3.0, sections III.E (global heap) and IV.A.2.d (variable length).
        """
        created = h5py.Dataset(dataset).file.id.get_create_plist()
        address, width = created.get_sizes()
        entry = np.dtype([("length", "<u4"), ("heap", f"<u{address}"), ("number", "<u4")])
        plist, size = dataset.get_create_plist(), math.prod(dataset.shape) * entry.itemsize
        at = None
        if plist.get_layout() == h5py.h5d.CONTIGUOUS:
            at = dataset.get_offset()
        elif plist.get_layout() != h5py.h5d.CHUNKED or plist.get_chunk() != dataset.shape:
            raise refusal("NIR106", path, "text in several chunks or in an object header", "store it contiguously")
        elif dataset.get_num_chunks():
            at = dataset.get_chunk_info(0).byte_offset
            if dataset.get_chunk_info(0).size != size:
                raise refusal("NIR111", path, f"a chunk of {dataset.get_chunk_info(0).size} bytes, not {size}")
        content = b"" if at is None else self._raw(at, size, path)
        entries = np.frombuffer(content, entry)
        for heap in {*entries["heap"][entries["length"] > 0].tolist()} - self.heaps.keys():
            head = self._raw(created.get_userblock() + heap, 8 + width, path)
            self.heaps[heap] = int.from_bytes(head[8:], "little")
            # HDF5 reads a heap whole, however large it says that it is
            if not head.startswith(b"GCOL\x01") or sum(self.heaps.values()) > 2 * self.size:
                raise refusal("NIR111", path, "text outside its heap, or a heap outside the file")
        return int(entries["length"].sum(dtype=np.uint64))

    def _raw(self, at: int, size: int, path: str) -> bytes:
        if at + size > self.size:
            raise refusal("NIR111", path, f"{size} bytes at {at} of a file of {self.size}")
        self.stream.seek(at)
        return self.stream.read(size)

    def _count(self, path: str, objects: int) -> None:
        self.objects += objects
        if self.objects > self.limits.max_objects:
            raise refusal("NIR105", path, f"more than {self.limits.max_objects} entries")

    def _charge(self, size: int, path: str) -> None:
        self.bytes += size
        allowed = min(self.limits.max_bytes, max(_FREE_BYTES, self.limits.max_expansion * self.size))
        if self.bytes > allowed:
            raise refusal("NIR105", path, f"{self.bytes} bytes of values from a file of {self.size}")


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


def _chunks(dataset: h5py.h5d.DatasetID, path: str) -> list[Any]:
    results: list[Any] = []

    def note(info: Any) -> bool | None:
        results.append(info)
        return True if len(results) > _MAX_CHUNKS else None

    dataset.chunk_iter(note)
    if len(results) > _MAX_CHUNKS:
        raise refusal("NIR105", path, f"more than {_MAX_CHUNKS} chunks", "write it in larger chunks")
    return results


def _unpacked_size(data: bytes, packing: int, most: int) -> int:
    """Return the number of bytes in a compressed chunk, counted up to one more than ``most``; -1 if it is damaged.

    LZF consists of runs of up to 32 literal bytes, and of copies of up to 264 bytes. Source: liblzf 3.6, lzf_d.c.
    """
    if packing == _GZIP:
        try:
            return len(zlib.decompressobj().decompress(data, most + 1))
        except zlib.error:
            return -1
    at = size = 0
    while at < len(data) and size <= most:
        control, copied = data[at], data[at] >> 5
        if copied == 7:
            size, at = size + 9 + sum(data[at + 1 : at + 2]), at + 3
        elif copied:
            size, at = size + copied + 2, at + 2
        else:
            size, at = size + control + 1, at + control + 2
    return size if at <= len(data) or size > most else -1
