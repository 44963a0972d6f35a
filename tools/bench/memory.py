"""Peak memory of this process, and of the tensors in it."""

from __future__ import annotations

import ctypes
import itertools
import pathlib
import re
import sys
from collections.abc import Callable

_STATUS = pathlib.Path("/proc/self/status")


class Peak:
    """The most memory that the process holds from now on, above what it needs now.

    Freed memory is given back to the system first: if it were used again, it would hide as much of the peak.

    Raises:
        NotImplementedError: If the system does not report it (it is read from Linux's ``/proc``).

    Example:
        >>> peak = Peak()
        >>> block = bytearray(50 * 2**20)
        >>> 49 < peak.megabytes() < 80
        True
    """

    def __init__(self) -> None:
        _give_back_what_is_free()
        try:
            pathlib.Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak
        except OSError as error:
            raise NotImplementedError(f"peak memory is read from Linux's /proc ({error})") from error
        self._before = _kilobytes("VmRSS")

    def megabytes(self) -> float:
        """Return the difference so far, in MiB."""
        return (_kilobytes("VmHWM") - self._before) / 1024


def tensors_at_peak(call: Callable[[], object]) -> float:
    """Return the peak memory of the tensors that a call makes, in MiB.

    This counts what torch's allocator hands out, inside operations too; memory from before the call does not count,
    even if the call frees it. The process takes more: its allocator keeps freed memory in pieces that may be too small
    for a larger tensor.

    Example:
        >>> import torch
        >>> tensors_at_peak(lambda: torch.ones(2**19).exp().log())  # 2 MiB each, two of them at a time
        4.0
    """
    from torch.profiler import ProfilerActivity, profile  # only here: a library's environment need not have torch

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        call()
    assert recorded.profiler is not None
    assert recorded.profiler.kineto_results is not None
    changes = [event for event in recorded.profiler.kineto_results.events() if event.name() == "[memory]"]
    changes.sort(key=lambda event: event.start_ns())
    sizes = [event.nbytes() for event in changes]  # pyrefly: ignore[missing-attribute]
    return max(itertools.accumulate(sizes, initial=0)) / 2**20


def _give_back_what_is_free() -> None:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(library, "malloc_trim"):  # glibc's
        library.malloc_trim(0)


def _kilobytes(field: str) -> int:
    match = re.search(rf"^{field}:\s+(\d+) kB$", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
    assert match is not None
    return int(match[1])
