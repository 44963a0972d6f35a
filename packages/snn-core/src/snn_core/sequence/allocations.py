"""Memory of tensors while something runs, as torch's allocators count it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch.autograd import ProfilerConfig, ProfilerState, _disable_profiler_legacy, _enable_profiler_legacy
from torch.autograd.profiler import record_function

_PREFIX = "snn_core.sequence.allocations: "


@dataclass(frozen=True)
class Section:
    """What happened between two marks: the most bytes that were held, and those held at the end."""

    name: str
    peak: int
    end: int


def mark(name: str) -> None:
    """Begin a section of that name, wherever :func:`sections` is recording.

    Example:
        See :func:`sections`.
    """
    with record_function(_PREFIX + name):
        pass


def sections(work: Callable[[], object]) -> tuple[list[Section], int]:
    """Run something and count the memory of the tensors that it makes.

    Counted is what torch's allocator for the CPU hands out to this thread, also inside an operation and in the backward
    pass. Tensors that are there before count nothing; they are to stay, as torch cannot tell how much goes with them.

    Args:
        work: What to run. It marks where its sections begin; the first one, ``"start"``, is there.

    Returns:
        The sections, and how many events torch recorded, by which the work of Python grows.

    Raises:
        RuntimeError: If a profiler is recording already.

    Example:
        >>> def work():
        ...     a = torch.ones(256)
        ...     mark("more")
        ...     b = torch.ones(256)
        ...     del a
        >>> for section in sections(work)[0]:
        ...     print(section)
        Section(name='start', peak=1024, end=1024)
        Section(name='more', peak=2048, end=0)
    """
    if torch.autograd._profiler_enabled():
        raise RuntimeError(
            "memory is counted by torch's profiler, and one is recording already; plan outside of it, by a call of "
            "plan_memory or unroll with the same arguments before the profiler starts"
        )
    off = False
    _enable_profiler_legacy(
        ProfilerConfig(ProfilerState.CPU, off, True, off, off, off, torch._C._profiler._ExperimentalConfig())
    )
    try:
        work()
    finally:
        threads = _disable_profiler_legacy()
    events = [event for thread in threads for event in thread]
    return _between_marks(events), len(events)


def _between_marks(events: Iterable[torch.autograd.ProfilerEvent]) -> list[Section]:
    found: list[Section] = []
    name, live, peak = "start", 0, 0
    for event in events:
        if event.kind() == "memory_alloc":
            live += event.cpu_memory_usage()
            peak = max(peak, live)
        elif event.kind() == "push" and event.name().startswith(_PREFIX):
            found.append(Section(name, peak, live))
            name, peak = event.name().removeprefix(_PREFIX), live
    return [*found, Section(name, peak, live)]
