"""Checks of subnormal numbers: are there numbers so small that they slow the processor down?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from snn_functional.diagnosis._evidence import Evidence, listed, warning
from snn_functional.diagnosis.finding import Finding

_REMEDY = (
    "Call torch.set_flush_denormal(True) at the very start of the program, before torch computes anything: it does not "
    "affect threads that exist already. Such numbers are then 0."
)
_SLOW = "(nonzero, and nearer to 0 than the dtype can hold with all digits), which slows some processors down"


def subnormals(evidence: Evidence) -> Iterator[Finding]:
    """Yield membranes, gradients and the optimizer's state if the subnormal share of their numbers is too large."""
    results = sorted(_of_the_run(evidence), key=lambda row: -row[0])
    results = [row for row in results if row[0] and row[0] >= evidence.limits.subnormal]
    if results:
        share, path, what = results[0]
        others = [*dict.fromkeys(path for _, path, _ in results if path != results[0][1])]
        also = f" So are others, in {listed(others)}." if others else ""
        yield warning(
            "subnormal_numbers",
            path,
            share,
            f"{100 * share:.0f} % of {what} are subnormal {_SLOW}.{also}",
            f"{_REMEDY} Look for their source: membranes far from the threshold, a surrogate that falls off "
            "exponentially, a decay over very many steps.",
        )
    kept = [row for row in _of_the_optimizer(evidence) if row[0] and row[0] >= evidence.limits.subnormal]
    if kept:
        share, path, what = max(kept, key=lambda row: row[0])
        yield warning(
            "subnormal_moments",
            path,
            share,
            f"{100 * share:.0f} % of {what} are subnormal {_SLOW}: most of all in the root that Adam takes.",
            f"{_REMEDY} Freeze parameters whose layer is silent, or make it fire (snn.init.fluctuation_).",
        )


def _of_the_run(evidence: Evidence) -> Iterator[tuple[float, str, str]]:
    """Yield shares of subnormal numbers, the layer they belong to, and what they are."""
    for trace in evidence.traces():
        yield _share(trace.membranes), trace.path, "its membranes"
        yield _share(evidence.over_time.get(trace.path, ())), trace.path, "the gradient of its membranes"
    by_module: dict[str, list[Tensor | None]] = {}
    for name, gradient in evidence.gradients.items():
        by_module.setdefault(name.rpartition(".")[0], []).append(gradient)
    for path, gradients in by_module.items():
        yield _share(gradients), path, "the gradient of its parameters"


def _of_the_optimizer(evidence: Evidence) -> Iterator[tuple[float, str, str]]:
    """Yield the same for the optimizer's state of each parameter."""
    if evidence.optimizer is None:
        return
    for name, parameter in evidence.net.named_parameters():
        for key, value in evidence.optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                yield _share([value]), name.rpartition(".")[0], f"the optimizer's {key!r} of {name!r}"


def _share(tensors: Iterable[Tensor | None]) -> float:
    """Return the share of numbers that are subnormal, for dtypes that processors compute with."""
    counted: Sequence[Tensor] = [
        tensor.detach() for tensor in tensors if tensor is not None and tensor.dtype in (torch.float32, torch.float64)
    ]
    total = sum(tensor.numel() for tensor in counted)
    if not total:
        return 0.0
    return (
        sum(int(((tensor != 0) & (tensor.abs() < torch.finfo(tensor.dtype).tiny)).sum()) for tensor in counted) / total
    )
