"""Peak memory of this process."""

from __future__ import annotations

import ctypes
import pathlib
import re
import sys

_STATUS = pathlib.Path("/proc/self/status")


class Peak:
    """The most memory that the process holds from now on, above what it needs now.

    What was freed before is given back to the system first: used again, it would hide as much of what is taken.

    Raises:
        NotImplementedError: Where the system does not tell (it is read from Linux's ``/proc``).

    Example:
        >>> peak = Peak()
        >>> block = bytearray(50 * 2**20)
        >>> 49 < peak.megabytes() < 80
        True
    """

    def __init__(self) -> None:
        _give_back_what_is_free()
        try:
            pathlib.Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
        except OSError as error:
            raise NotImplementedError(f"peak memory is read from Linux's /proc ({error})") from error
        self._before = _kilobytes("VmRSS")

    def megabytes(self) -> float:
        """The difference so far, in MiB."""
        return (_kilobytes("VmHWM") - self._before) / 1024


def _give_back_what_is_free() -> None:
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if hasattr(library, "malloc_trim"):  # glibc's
        library.malloc_trim(0)


def _kilobytes(field: str) -> int:
    match = re.search(rf"^{field}:\s+(\d+) kB$", _STATUS.read_text(encoding="ascii"), re.MULTILINE)
    assert match is not None
    return int(match[1])
