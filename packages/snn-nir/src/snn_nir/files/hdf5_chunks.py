"""Chunked data of an HDF5 file, decompressed within the declared size of the chunk.

HDF5's own filters continue for as long as the compressed data demand, look for plug-ins for unknown filters, and trust
the sizes of damaged chunks.
"""

from __future__ import annotations

import math
import zlib
from typing import Any, BinaryIO

import h5py
import numpy as np

from snn_nir.codes import refusal

_MAX_CHUNKS = 2**17
_SUPPORTED = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_LZF}


def read_chunks(dataset: h5py.h5d.DatasetID, dtype: np.dtype, source: RawFile, path: str) -> np.ndarray:
    """Read a chunked dataset, in which places without a chunk hold 0.

    User-defined fill values, damaged chunks, and filters other than gzip, lzf and shuffle are refused.
    """
    plist = dataset.get_create_plist()
    filters = _pipeline(plist, dtype, path)
    chunk = tuple(plist.get_chunk())
    stored = _stored(dataset, path)
    if len(stored) < math.prod(-(-size // step) for size, step in zip(dataset.shape, chunk, strict=True)):
        check_fill(plist, path)
    array = np.zeros(dataset.shape, dtype)
    size = math.prod(chunk) * dtype.itemsize
    for info in stored:
        offset, mask = info.chunk_offset, info.filter_mask
        data = source.read(info.byte_offset, info.size, path)
        for position in reversed(range(len(filters))):
            if not mask >> position & 1:
                data = _undone(filters[position], data, size, dtype.itemsize, path)
        if len(data) != size:
            raise refusal("NIR111", path, f"a chunk of {len(data)} bytes, not {size}")
        block = np.frombuffer(data, dtype).reshape(chunk)
        part = array[tuple(slice(start, start + length) for start, length in zip(offset, chunk, strict=True))]
        part[...] = block[tuple(map(slice, part.shape))]  # a chunk may reach beyond the end
    return array


def check_fill(plist: h5py.h5p.PropDCID, path: str) -> None:
    """Refuse data that were never written but have a fill value: HDF5 reads a damaged one beyond its end."""
    if plist.fill_value_defined() == h5py.h5d.FILL_VALUE_USER_DEFINED:
        raise refusal("NIR104", path, "a fill value instead of data", "write all values")


def _pipeline(plist: Any, dtype: np.dtype, path: str) -> list[int]:
    filters = []
    for position in range(plist.get_nfilters()):
        number, _, options, _ = plist.get_filter(position)
        if number not in _SUPPORTED or number in filters:
            raise refusal("NIR112", path, f"filter {number}")
        if number == h5py.h5z.FILTER_SHUFFLE and tuple(options[:1]) != (dtype.itemsize,):
            raise refusal("NIR111", path, f"bytes shuffled by {options}, not {dtype.itemsize}")
        filters.append(number)
    return filters


def _stored(dataset: h5py.h5d.DatasetID, path: str) -> list[Any]:
    results: list[Any] = []

    def note(info: Any) -> bool | None:
        results.append(info)
        return True if len(results) > _MAX_CHUNKS else None

    dataset.chunk_iter(note)
    if len(results) > _MAX_CHUNKS:
        raise refusal("NIR105", path, f"more than {_MAX_CHUNKS} chunks", "write it in larger chunks")
    for info in results:
        if any(start >= size for start, size in zip(info.chunk_offset, dataset.shape, strict=True)):
            raise refusal("NIR111", path, f"a chunk at {info.chunk_offset}, outside {dataset.shape}")
    return results


def _undone(number: int, data: bytes, size: int, itemsize: int, path: str) -> bytes:
    try:
        if number == h5py.h5z.FILTER_DEFLATE:
            return zlib.decompressobj().decompress(data, size + 1)
        if number == h5py.h5z.FILTER_LZF:
            return _lzf_decompressed(data, size)
        return np.frombuffer(data, np.uint8).reshape(itemsize, -1).T.tobytes()
    except (zlib.error, ValueError, IndexError):
        raise refusal("NIR111", path, "a chunk that cannot be decompressed") from None


def _lzf_decompressed(data: bytes, size: int) -> bytes:
    """Undo LZF: runs of literal bytes, and copies of up to 264 bytes from the last 8192.

    Source: liblzf 3.6, lzf_d.c.
    """
    out = bytearray()
    at = 0
    while at < len(data) and len(out) <= size:
        control = data[at]
        at += 1
        if control < 32:
            out += data[at : at + control + 1]
            at += control + 1
            continue
        length = control >> 5
        if length == 7:
            length += data[at]
            at += 1
        distance = ((control & 31) << 8 | data[at]) + 1
        at += 1
        if distance > len(out):
            raise ValueError("a copy from before the start")
        source = out[-distance:][: length + 2]
        out += (source * ((length + 2) // len(source) + 1))[: length + 2]
    return bytes(out)


class RawFile:
    """A file from which bytes are read."""

    def __init__(self, stream: BinaryIO, size: int):
        self.stream = stream
        self.size = size

    def read(self, at: int, size: int, path: str) -> bytes:
        """Read ``size`` bytes from an offset."""
        if at + size > self.size:
            raise refusal("NIR111", path, f"{size} bytes at {at} of a file of {self.size}")
        self.stream.seek(at)
        result = self.stream.read(size)
        if len(result) != size:
            raise refusal("NIR111", path, f"{len(result)} of {size} bytes at {at}")
        return result
