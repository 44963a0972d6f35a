"""The allocator keeps what is freed, where it is glibc's, and says so elsewhere."""

from __future__ import annotations

import ctypes
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from snn_cpu import allocator

# page faults of taking, filling and freeing 64 MB five times, in a process of its own: the setting stays
PROGRAM = """
import ctypes, resource, sys
from snn_cpu import tune_allocator
if sys.argv[1] == "tuned":
    tune_allocator()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.memset.restype = ctypes.c_void_p
libc.malloc.argtypes, libc.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
size = 64 * 2**20
def once():
    held = libc.malloc(size)
    libc.memset(held, 1, size)
    libc.free(held)
once()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    once()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    return int(subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True).stdout)


def mallopt(*accepted: tuple[int, int]) -> SimpleNamespace:
    """A C library that accepts some options and remembers what it was asked."""
    calls: list[tuple[int, int]] = []

    def call(option: int, value: int) -> int:
        calls.append((option, value))
        return int((option, value) in accepted)

    return SimpleNamespace(mallopt=call, asked=calls)


def test_it_is_tunable_where_the_c_library_is_glibc():
    assert allocator.is_tunable() == (platform.libc_ver()[0] == "glibc")


def test_memory_that_was_freed_is_used_again_without_page_faults():
    # 64 MB are 16,384 pages of 4 kB, or 32 of 2 MB
    plain, tuned = faults("plain"), faults("tuned")
    assert plain >= 5 * 32
    assert tuned < plain / 10


def test_without_glibc_it_says_what_runs_instead(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert not allocator.is_tunable()
    with pytest.raises(RuntimeError, match=r"glibc.* on Darwin .*is_tunable"):
        allocator.tune_allocator()


def test_linux_with_another_c_library_is_not_tunable(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    assert not allocator.is_tunable()


def test_a_glibc_that_refuses_the_largest_threshold_gets_the_largest_it_takes(monkeypatch):
    old = mallopt((-3, 32 * 2**20), (-1, 2**31 - 1))
    monkeypatch.setattr(allocator, "_glibc", lambda: old)
    allocator.tune_allocator()
    assert old.asked == [(-3, 2**31 - 1), (-3, 32 * 2**20), (-1, 2**31 - 1)]


@pytest.mark.parametrize("accepted", [[], [(-3, 2**31 - 1)]])
def test_a_glibc_that_refuses_is_an_error(monkeypatch, accepted):
    monkeypatch.setattr(allocator, "_glibc", lambda: mallopt(*accepted))
    with pytest.raises(RuntimeError, match="mallopt refuses"):
        allocator.tune_allocator()
