"""Dry runs: a few steps of a sequence, forward and backward, on a copy of a net, and the memory that they take."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.profiler import record_function
from torch.autograd.profiler_legacy import profile
from torch.utils._pytree import tree_leaves

from snn_core.neuron.temporal import reset, temporal
from snn_core.sequence.folding import Folding
from snn_core.sequence.loop import Run, chunks
from snn_core.sequence.random_states import RandomStates

T = TypeVar("T")


class Usage(NamedTuple):
    """Bytes of tensors in a forward and a backward pass, above what was there before; and the events of torch."""

    outputs: int  # of what the forward pass returned
    stored: int  # of all that there was between the two passes
    peak: int  # of all that there was at once, at most
    events: int  # by which the work of Python grows


def dry_run(net: nn.Module, xs: Tensor, run: Run, resume: bool, steps: int, chunk: int | None = None) -> Usage:
    """Run the first steps of a sequence, at once or in chunks, and leave net, input and random generators as they are.

    Raises:
        ValueError: If the net cannot be copied, or returns nothing that needs a gradient.
        RuntimeError: If a profiler is recording already, or torch does not record all that is run.
    """
    net, xs, whole = _copied(net), _first(xs, steps), Folding(steps)
    if not resume:
        reset(net)
    held = [m._kept for m in temporal(net)], list(net.buffers())
    before = RandomStates()

    def forward() -> Any:
        return run(net, xs, whole) if chunk is None else chunks(run, net, xs, whole, chunk, truncate=False)

    try:
        return usage(forward, _backward)
    finally:
        before.restore()
        del held  # until here, so that nothing goes that was there before
        if torch.is_autocast_enabled(xs.device.type):
            torch.clear_autocast_cache()  # of the copy's parameters


def _copied(net: nn.Module) -> nn.Module:
    try:
        twin = copy.deepcopy(net)
    except Exception as error:
        raise ValueError(
            f"unroll: memory= is planned on a copy of the net, and this {type(net).__name__} cannot be copied "
            f"({type(error).__name__}: {error}); pass chunk= in its place"
        ) from error
    twin.zero_grad(set_to_none=True)
    return twin


def _first(xs: Tensor, steps: int) -> Tensor:
    """Return the first steps in memory of their own, where they lie as those of the input do."""
    part = xs.detach()[:steps]
    if 0 in part.stride():
        return part.clone().requires_grad_(xs.requires_grad)
    own = torch.empty_strided(part.shape, part.stride(), dtype=part.dtype, device=part.device)
    return own.copy_(part).requires_grad_(xs.requires_grad)


def _backward(out: Any) -> None:
    ends = [tensor for tensor in tree_leaves(out) if tensor.requires_grad]
    if not ends:
        raise ValueError(
            "unroll: memory= is planned for a backward pass, but nothing that the net returns needs a gradient; "
            "call it under torch.no_grad(), or pass chunk="
        )
    torch.stack([end.sum() for end in ends]).sum().backward()


_BETWEEN = "snn_core.dry_run: backward"


def usage(forward: Callable[[], T], backward: Callable[[T], object]) -> Usage:
    """Count the memory of the tensors that a forward pass makes, and the backward pass of what it returns.

    Counted is what torch's allocator for the CPU hands out to this thread, also inside an operation. Tensors that are
    there before count nothing; they are to stay, as torch cannot tell how much goes with them.

    Raises:
        RuntimeError: If a profiler is recording already, or torch does not record all that is run.
    """
    if torch.autograd._profiler_enabled():
        raise RuntimeError(
            "memory is counted by torch's profiler, and one is recording already; plan outside of it, by a call of "
            "plan_memory or unroll with the same arguments before the profiler starts"
        )
    profile(profile_memory=True).__enter__()  # its __exit__ would sum up the events by operation
    try:
        out = forward()
        with record_function(_BETWEEN):
            pass
        backward(out)
    finally:
        events = [event for thread in torch.autograd._disable_profiler_legacy() for event in thread]
    live, peak, stored = 0, 0, None
    for event in events:
        if event.kind() == "memory_alloc":
            live += event.cpu_memory_usage()
            peak = max(peak, live)
        elif event.kind() == "push" and event.name() == _BETWEEN:
            stored = live
    if stored is None:
        raise RuntimeError(
            "unroll: memory= is planned by running a few steps ahead, of which torch has not recorded all; plan "
            "outside of compiled code, by plan_memory, and pass chunk="
        )
    return Usage(sum(tensor.nbytes for tensor in tree_leaves(out)), stored, peak, len(events))
