"""Settings of the C library's allocator that make it keep the memory of freed tensors."""

from __future__ import annotations

import ctypes
import platform
import sys

__all__ = ["is_tunable", "tune_allocator"]

# names and numbers of <malloc.h>
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGEST = 2**31 - 1  # mallopt takes an int
_LARGEST_OF_OLD = 32 * 2**20  # older versions of glibc refuse a higher threshold for mmap


def is_tunable() -> bool:
    """Return True if :func:`tune_allocator` can tune the allocator of this process, which must be glibc's."""
    return _glibc() is not None


def tune_allocator() -> None:
    """Let freed tensors keep their memory for the next ones, in the whole process and until it ends.

    glibc returns the memory of large tensors to the system when they are freed and requests it again for the next ones;
    the system then clears every page again, which can take longer than the computation. After this call freed memory
    stays with the process and is used again. Call it once, before training.

    It costs memory: the process keeps as much as it ever used, other programs cannot use it meanwhile, and gaps
    between tensors of different sizes are lost until these are freed too. An allocator loaded instead of glibc's
    (jemalloc, tcmalloc) is not affected.

    Raises:
        RuntimeError: If the C library is not glibc, or refuses the options.

    Example:
        >>> tune_allocator()
    """
    glibc = _glibc()
    if glibc is None:
        raise RuntimeError(
            f"tune_allocator sets options of glibc, which this process on {platform.system()} does not use; "
            "call it only if snn_cpu.allocator.is_tunable() is True"
        )
    mapped = glibc.mallopt(_M_MMAP_THRESHOLD, _LARGEST) or glibc.mallopt(_M_MMAP_THRESHOLD, _LARGEST_OF_OLD)
    if not (mapped and glibc.mallopt(_M_TRIM_THRESHOLD, _LARGEST)):
        raise RuntimeError("glibc's mallopt refuses M_MMAP_THRESHOLD or M_TRIM_THRESHOLD; do not call tune_allocator")


def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
