"""The bytes of a file, where HDF5 says that they are, if they can be there."""

from __future__ import annotations

from typing import BinaryIO

from snn_nir.codes import refusal

__all__ = ["RawFile"]


class RawFile:
    """A file to take bytes from.

    Args:
        stream: The file.
        size: Its size in bytes.

    Example:
        >>> import io
        >>> RawFile(io.BytesIO(b"0123456789"), 10).read(2, 3, "/node")
        b'234'
    """

    def __init__(self, stream: BinaryIO, size: int):
        self.stream = stream
        self.size = size

    def read(self, at: int, size: int, path: str) -> bytes:
        """Some bytes.

        Args:
            at: Where they start.
            size: How many.
            path: Whose they are, for the error.

        Raises:
            NIRError: ``NIR111`` if they are not all in the file.
        """
        if at + size > self.size:
            raise refusal("NIR111", path, f"{size} bytes at {at} of a file of {self.size}")
        self.stream.seek(at)
        found = self.stream.read(size)
        if len(found) != size:
            raise refusal("NIR111", path, f"{len(found)} of {size} bytes at {at}")
        return found
