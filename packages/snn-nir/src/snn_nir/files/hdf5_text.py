"""Text of variable length in an HDF5 file, read without HDF5's own functions.

Each entry gives its length, its heap and its number; HDF5 allocates the stated length before it
reads the heap.
"""

from __future__ import annotations

import math
import struct

import h5py

from snn_nir.codes import NIRError, refusal
from snn_nir.files.hdf5_chunks import RawFile

_WORDS = {2: "H", 4: "I", 8: "Q"}


class TextHeap:
    """The text of one file.

    Source: HDF5 File Format Specification 3.0, sections III.E (global heap) and IV.A.2.d (variable length).
    """

    def __init__(self, source: RawFile, opened: h5py.File):
        self.source = source
        plist = opened.id.get_create_plist()
        self.base: int = plist.get_userblock()
        address, size = (_WORDS[width] for width in plist.get_sizes())
        self.entry: struct.Struct = struct.Struct(f"<I{address}I")
        self.heap: struct.Struct = struct.Struct(f"<4sB3x{size}")
        self.item: struct.Struct = struct.Struct(f"<HH4x{size}")
        self.items: dict[int, dict[int, tuple[int, int]]] = {}
        self.walked: int = 0

    def read(self, dataset: h5py.h5d.DatasetID, most: int, path: str) -> list[bytes]:
        """Return the entries of a dataset, together at most ``most`` bytes, each up to its first null character."""
        entries = list(self.entry.iter_unpack(self._raw(dataset, path)))
        if sum(length for length, _, _ in entries) > most:
            raise refusal("NIR105", path, f"more than {most} bytes of text", "shorten the text")
        return [self._text(length, address, number, path).split(b"\0")[0] for length, address, number in entries]

    def _raw(self, dataset: h5py.h5d.DatasetID, path: str) -> bytes:
        size = math.prod(dataset.shape) * self.entry.size
        layout = dataset.get_create_plist().get_layout()
        if layout == h5py.h5d.CONTIGUOUS:
            at = dataset.get_offset()
            return bytes(size) if at is None else self.source.read(at, size, path)
        if layout == h5py.h5d.CHUNKED and dataset.get_create_plist().get_chunk() == dataset.shape:
            if not dataset.get_num_chunks():
                return bytes(size)
            info = dataset.get_chunk_info(0)
            if info.size == size:
                return self.source.read(info.byte_offset, size, path)
        raise refusal("NIR106", path, "text in several chunks or in an object header", "store it contiguously")

    def _damaged(self, path: str) -> NIRError:
        return refusal("NIR111", path, "text outside its heap, or a heap outside the file")

    def _text(self, length: int, address: int, number: int, path: str) -> bytes:
        if not length:
            return b""
        if address not in self.items:
            self.items[address] = self._walk(address, path)
        at, size = self.items[address].get(number, (0, 0))
        if length > size:
            raise self._damaged(path)
        return self.source.read(at, length, path)

    def _walk(self, address: int, path: str) -> dict[int, tuple[int, int]]:
        """Return the place and size of each item of a heap, by number."""
        at = self.base + address
        signature, version, size = self.heap.unpack(self.source.read(at, self.heap.size, path))
        self.walked += size
        if signature != b"GCOL" or version != 1 or at + size > self.source.size or self.walked > 2 * self.source.size:
            raise self._damaged(path)
        end, at = at + size, at + self.heap.size
        results = {}
        while at + self.item.size <= end:
            number, _, size = self.item.unpack(self.source.read(at, self.item.size, path))
            if not number:  # the free space at the end
                break
            at += self.item.size
            if at + size > end:
                raise self._damaged(path)
            results[number] = (at, size)
            at += -(-size // 8) * 8
        return results
