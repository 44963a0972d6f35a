"""Checks of what makes a net slow: subnormal numbers, and memory that every step requests from the system again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from snn_functional.diagnosis._evidence import Evidence, listed
from snn_functional.diagnosis.finding import Finding

_PAGE = 4096  # bytes, the smallest size of a page
_REMEDY = (
    "Call torch.set_flush_denormal(True) at the very start of the program, before torch computes anything: it does not "
    "affect threads that exist already. Such numbers are then 0."
)
_SLOW = "(not 0, but too near to it for the full precision of the dtype), which slows some processors down"

_Row = tuple[float, str, str]  # a share of subnormal numbers, the layer that they belong to, and what they are


def subnormals(evidence: Evidence) -> Iterator[Finding]:
    """Report membranes, gradients and optimizer states in which too large a share of the numbers is subnormal."""
    results = _too_many(evidence, _of_the_run(evidence))
    if results:
        share, path, what = results[0]
        others = [*dict.fromkeys(other for _, other, _ in results if other != path)]
        also = f" There are others in {listed(others)}." if others else ""
        message = f"{100 * share:.0f} % of {what} are subnormal {_SLOW}.{also}"
        remedy = (
            f"{_REMEDY} Look for their source: membranes far from the threshold, a surrogate that falls off "
            "exponentially, a decay over very many steps."
        )
        yield Finding("subnormal_numbers", "warning", path, share, message, remedy)
    results = _too_many(evidence, _of_the_optimizer(evidence))
    if results:
        share, path, what = results[0]
        message = (
            f"{100 * share:.0f} % of {what} are subnormal {_SLOW}: most of all in the square root that Adam takes."
        )
        remedy = f"{_REMEDY} Freeze parameters whose layer is silent, or make it fire (snn.init.fluctuation_)."
        yield Finding("subnormal_moments", "warning", path, share, message, remedy)


def _too_many(evidence: Evidence, shares: Iterator[_Row]) -> list[_Row]:
    """Return the shares that must be reported, the largest first."""
    return sorted((row for row in shares if row[0] and row[0] >= evidence.limits.subnormal), key=lambda row: -row[0])


def _of_the_run(evidence: Evidence) -> Iterator[_Row]:
    for trace in evidence.traces():
        yield _share(trace.membranes), trace.path, "its membranes"
        yield _share(trace.gradients), trace.path, "the gradient of its membranes"
    for path, gradients in evidence.gradients_by_module().items():
        yield _share(gradients.values()), path, "the gradient of its parameters"


def _of_the_optimizer(evidence: Evidence) -> Iterator[_Row]:
    if evidence.optimizer is None:
        return
    for name, parameter in evidence.net.named_parameters():
        for key, value in evidence.optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                yield _share([value]), name.rpartition(".")[0], f"the optimizer's {key!r} of {name!r}"


def _share(tensors: Iterable[Tensor | None]) -> float:
    """Return the share of numbers that are subnormal, for dtypes that processors compute with."""
    counted = [x.detach() for x in tensors if x is not None and x.dtype in (torch.float32, torch.float64)]
    total = sum(x.numel() for x in counted)
    small = sum(int(((x != 0) & (x.abs() < torch.finfo(x.dtype).tiny)).sum()) for x in counted)
    return small / total if total else 0.0


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
