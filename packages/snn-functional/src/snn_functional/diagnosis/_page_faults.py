"""Checks of memory: does every step request its memory from the system again?"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from snn_functional.diagnosis._evidence import Evidence
from snn_functional.diagnosis.finding import Finding

_PAGE = 4096  # bytes, the smallest size of a page


def page_faults(evidence: Evidence) -> Iterator[Finding]:
    """Report training steps that write memory which the system must provide and clear first."""
    if evidence.faults is not None and evidence.faults >= evidence.limits.page_faults:
        message = (
            f"A step of training takes {evidence.faults:,} pages of memory from the system, which clears each one: the "
            "memory that the previous step freed went back to the system."
        )
        remedy = (
            "Call snn_cpu.tune_allocator() once, before training: freed memory then stays with the process and is used "
            "again."
        )
        yield Finding("page_faults", "info", "", evidence.faults, message, remedy)


def may_cost(evidence: Evidence) -> bool:
    """Return True if the neurons' input alone fills as many pages as would be reported."""
    if sys.platform == "win32" or evidence.batch.device.type != "cpu":
        return False
    input_bytes = sum(x.numel() * x.element_size() for trace in evidence.traces() for x in trace.inputs)
    return evidence.loss.requires_grad and input_bytes >= _PAGE * evidence.limits.page_faults


def of_a_step(step: Callable[[], object]) -> int:
    """Return the minor page faults of a repeated step: the smaller number of two runs."""
    results = []
    for _ in range(3):
        before = counted()
        step()
        results.append(counted() - before)
    return min(results[1:])


def counted() -> int:
    """Return the minor page faults of the process so far."""
    import resource  # which Windows does not have

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
