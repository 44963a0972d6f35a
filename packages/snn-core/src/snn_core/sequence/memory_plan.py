"""Plans that cut a sequence into chunks so that training fits into a given memory, based on dry runs of a few steps."""

from __future__ import annotations

import functools
import gc
import math
import weakref
from bisect import bisect
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.profiler import record_function
from torch.autograd.profiler_legacy import profile
from torch.utils._pytree import tree_leaves

from snn_core.effects.attributes import NO_OPTIONS
from snn_core.effects.contents import Itself
from snn_core.effects.copies import copied
from snn_core.effects.random_states import RandomStates
from snn_core.engines import registry
from snn_core.engines.fused import fits
from snn_core.graph.folding import Folding
from snn_core.graph.steps import hooked
from snn_core.neuron.firing import Firing
from snn_core.neuron.temporal import reset, temporal
from snn_core.neuron.turns import keep, kept_by
from snn_core.results import Line, Result
from snn_core.sequence.loop import Run, in_chunks


@dataclass(frozen=True, repr=False)
class MemoryPlan(Result):
    """A plan that cuts a sequence so that its forward and backward passes fit into a budget.

    All bytes are those of tensors, beyond the tensors that existed before the call; :func:`~snn_core.plan_memory` says
    what is counted.

    Args:
        chunk: Number of steps at a time, as for ``unroll(chunk=...)``; None if all are run at once.
        predicted_bytes: The most memory that tensors take with this plan.
        whole_bytes: The most memory that they take if all steps are run at once.
        least_bytes: The least memory that any chunk takes; None if all steps fit, so that no chunk was tried.
        steps: Number of steps of the sequence.

    Example:
        >>> print(MemoryPlan(chunk=25, predicted_bytes=3 * 2**19, whole_bytes=3 * 2**20, least_bytes=2**20, steps=100))
        chunks of 25 of 100 steps: 1.5 MiB of tensors (at once 3.0 MiB, at least 1.0 MiB); 75 % of the steps run twice
        >>> print(MemoryPlan(chunk=None, predicted_bytes=2**20, whole_bytes=2**20, least_bytes=None, steps=100))
        all 100 steps at once: 1.0 MiB of tensors
    """

    chunk: int | None
    predicted_bytes: int
    whole_bytes: int
    least_bytes: int | None
    steps: int

    def _lines(self) -> list[Line]:
        others = [] if self.least_bytes is None else [f"at least {_readable(self.least_bytes)}"]
        cut, twice = f"all {self.steps} steps at once", ""
        if self.chunk is not None:
            cut = f"chunks of {self.chunk} of {self.steps} steps"
            others.insert(0, f"at once {_readable(self.whole_bytes)}")
            twice = f"; {100 * ((self.steps - 1) // self.chunk * self.chunk) / self.steps:.0f} % of the steps run twice"
        beside = f" ({', '.join(others)})" if others else ""
        return [f"{cut}: {_readable(self.predicted_bytes)} of tensors{beside}{twice}"]


def planned(net: nn.Module, xs: Tensor, run: Run, memory: int | None, resume: bool, blocks: bool) -> MemoryPlan:
    """Return the plan for a net, an input and a budget; an earlier one if nothing that it depends on has changed.

    ``blocks`` is True if ``run`` takes a block of steps at a time. ``memory=None`` means all steps at once.
    """
    _check(net, xs)
    key = (memory, _calls(run), blocks, _key(net, xs, resume))
    plans = _PLANS.setdefault(net, {})
    if key not in plans:
        if len(plans) == _MOST:
            del plans[next(iter(plans))]
        plans[key] = _plan(net, xs, run, memory, resume, blocks)
    return plans[key]


_PLANS: weakref.WeakKeyDictionary[nn.Module, dict[Hashable, MemoryPlan]] = weakref.WeakKeyDictionary()
_MOST = 16  # plans of a net: batches have few shapes, and a net that changes at every call must not fill the memory


def _plan(net: nn.Module, xs: Tensor, run: Run, memory: int | None, resume: bool, blocks: bool) -> MemoryPlan:
    measure, steps = functools.partial(dry_run, net, xs, run, resume), len(xs)
    measure(1)  # allocations that happen once per process, such as a library's workspace, happen here
    gradients = sum(p.nbytes for p in net.parameters() if p.requires_grad)
    best: int | None = None
    least = 0
    for budget in (math.inf,) if memory is None else (memory, math.inf):  # if it is too little, find how much is enough
        growth = Growth(measure, steps, xs[:1].nbytes if xs.requires_grad else 0, gradients, blocks, budget)
        whole = growth.peak(None)
        if memory is not None and whole <= memory:
            return MemoryPlan(None, whole, whole, None, steps)
        best, least = min((None, whole), _search(growth, steps, 0), key=lambda candidate: candidate[1])
        if memory is None:
            return MemoryPlan(None, whole, whole, least, steps)
        chunk, peak = _search(growth, steps, memory)
        if peak <= memory:
            return MemoryPlan(chunk, peak, whole, min(least, peak), steps)
    raise ValueError(
        f"unroll: memory={memory} bytes is too little for {steps} steps of xs of shape {tuple(xs.shape)}: tensors "
        f"take at least {least} bytes (chunk={best}); pass memory={least} or more, fewer samples or steps, or "
        "chunk= with truncate=True and one backward() per call, which cuts the gradient"
    )


def _search(growth: Growth, steps: int, memory: int) -> tuple[int | None, int]:
    """Return the largest chunk that fits, or the one that takes the least memory if none does, and its peak."""
    # the sizes that cut the steps into two, three, ... parts that are as equal as possible
    sizes = sorted({math.ceil(steps / count) for count in range(2, steps + 1)}, reverse=True)
    while True:
        peaks = {chunk: growth.peak(chunk) for chunk in sizes or [None]}
        chunk = next((chunk for chunk in peaks if peaks[chunk] <= memory), min(peaks, key=peaks.__getitem__))
        if chunk is None or not growth.refine(chunk):
            return chunk, peaks[chunk]


# sizes in bytes above which choices that depend on size, such as how to compute a product, no longer change
_LONG, _LONG_IN_BLOCKS = 64 * 2**20, 256 * 2**20
_TIMES = 16  # a peak below this many times the size of the parameters' gradients may occur where they are made
_EVENTS, _MOST_EVENTS = 50_000, 300_000  # events in one dry run above which the growth per step is steady


@dataclass
class Growth:
    r"""A prediction of the memory peak of a sequence from dry runs of a few of its steps.

    ``P(c)``, the peak of ``c`` steps at once, is measured at lengths that double until they are long enough, and is
    taken to be linear between and beyond them. In chunks of ``c`` steps, the peak occurs when a chunk has run again and
    is differentiated. In addition to its own ``P(c)``, memory then holds the outputs, ``o`` per step. With the last
    chunk, which is the first to run again, it also holds what is stored at the beginning of the other chunks, ``b``
    each; with the first chunk, which is the last to run again, the gradient of the input of all other steps, ``i`` per
    step. Or the peak occurs where the gradients of all chunks' inputs are put together:

    .. math:: T o + \max\{(\lceil T/c \rceil - 1) b + P(c),\; b + (T - c) i + P(c),\; 2 T i\} + d(c)

    A few runs in chunks give ``b``, and also ``d``, the rest: the parameters' gradients and the effects of chunks.
    """

    measure: Callable[..., Usage]  # runs a number of steps, at once or in chunks
    steps: int  # of the sequence
    input_gradient: int  # bytes of the gradient of one step's input
    gradients: int  # bytes of those of the net's parameters
    blocks: bool  # True if the net sees a block of steps at a time; beyond a block only stored tensors grow
    budget: float = math.inf  # bytes above which the exact peak does not matter

    def __post_init__(self) -> None:
        self._stored: dict[int, float] = {}  # by steps at once
        self._above: dict[int, float] = {}
        self._output = self._border = 0.0
        self._others: dict[int, float] = {}  # by chunk
        ample = _TIMES * self.gradients
        long = max(_LONG_IN_BLOCKS if self.blocks else _LONG, ample)
        self._longest, is_long = 0, False
        while self._longest < self.steps and not (self._longest > 2 and is_long):
            self._longest = min(max(2 * self._longest, 1), self.steps)
            used = self.measure(self._longest)
            self._stored[self._longest], self._above[self._longest] = used.stored, used.peak - used.stored
            self._levels = self.blocks and used.peak >= long
            is_steady = used.events >= (_EVENTS if used.peak >= ample else _MOST_EVENTS)
            self._is_beyond = used.peak > self.budget and not is_steady  # three chunks take about as much as the budget
            is_long = used.peak >= min(long, self.budget) or is_steady

    def peak(self, chunk: int | None) -> int:
        """Return the most bytes that tensors take with ``chunk`` steps at a time, or with all steps at once."""
        if chunk is None or chunk >= self.steps:
            return round(self._at_once(self.steps))
        if not self._others:
            self._measure_chunks()
        return round(self._in_chunks(self.steps, chunk) + _on_lines(self._others, chunk))

    def refine(self, chunk: int) -> bool:
        """Measure a chunk unless it is long or was measured before; return True if it was measured now."""
        steps = min(3 * chunk, self.steps)
        if chunk in self._others or (chunk if self._is_beyond else steps) > self._longest:
            return False
        self._others[chunk] = self.measure(steps, chunk).peak - self._in_chunks(steps, chunk)
        return True

    def _measure_chunks(self) -> None:
        small = min(2, self.steps // 4)
        if small:
            three, four = self.measure(3 * small, small), self.measure(4 * small, small)
            self._output = four.outputs / (4 * small)
            self._border = four.stored - three.stored - small * self._output
            self._others[small] = four.peak - self._in_chunks(4 * small, small)
        self.refine(max(self._longest // 4, 1))

    def _at_once(self, steps: int) -> float:
        levels = self._levels and steps > self._longest
        return _on_lines(self._stored, steps) + (max(self._above.values()) if levels else _on_lines(self._above, steps))

    def _in_chunks(self, steps: int, chunk: int) -> float:
        own, others = self._at_once(chunk), math.ceil(steps / chunk) - 1
        first, last = others * self._border + own, self._border + (steps - chunk) * self.input_gradient + own
        return steps * self._output + max(first, last, 2 * steps * self.input_gradient)


def _on_lines(points: Mapping[int, float], at: int) -> float:
    """Return the value on lines through points; the last line starts at half its end or before, and extends beyond."""
    sizes = sorted(points)
    if at in points or len(sizes) == 1:
        return points.get(at, points[sizes[0]])
    high = sizes[min(max(bisect(sizes, at), 1), len(sizes) - 1)]
    low = max((size for size in sizes if size < at and (at < high or 2 * size <= high)), default=sizes[0])
    return points[low] + (points[high] - points[low]) * (at - low) / (high - low)


def _check(net: nn.Module, xs: Tensor) -> None:
    if torch.compiler.is_compiling() or not fits(xs) or torch._C._len_torch_dispatch_stack():
        raise RuntimeError(
            "unroll: memory= is planned by running a few steps ahead, which is not possible while something other than "
            "autograd watches torch's operations (a compiler, torch.func, a dispatch mode, a tensor of another class); "
            "plan beforehand with plan_memory and pass chunk="
        )
    if xs.device.type != "cpu":
        raise ValueError(
            f"unroll: memory= is planned from torch's records of memory on the CPU, got xs on {xs.device}; pass chunk="
        )
    hook = hooked(net)
    if hook is not None:
        raise ValueError(
            f"unroll: {hook} and would see the steps that are run ahead for memory=; remove it or pass chunk="
        )


def _calls(run: Run) -> Hashable:
    """Return what a run calls; it is the same for all plans of a net whose own code makes the same calls."""
    plan = getattr(run, "__self__", None)
    return run if plan is None else tuple([(step.kind, step.path, step.places) for step in plan.steps])


def _key(net: nn.Module, xs: Tensor, resume: bool) -> Hashable:
    """Return everything that decides how much memory a net takes."""
    registry.status()  # loads the kernels that are installed
    return _form(
        [
            [Itself(kernel) for offered in registry._OFFERED.values() for kernel in offered],
            torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu"),
            torch.get_default_dtype(),
            torch.backends.mkldnn.enabled,
            torch.get_num_threads(),
            xs,
            *([item for item in vars(m).items() if item[0] not in _OF_NO_SIZE] for m in net.modules()),
            [m._amplitude_is_one() for m in net.modules() if isinstance(m, Firing)],
            [m._kept if resume and isinstance(m._kept, tuple) else None for m in temporal(net)],
        ]
    )


_OF_NO_SIZE = NO_OPTIONS - {"_parameters", "_buffers", "_modules", "_stateless", "_goes_on"}


def _form(value: Any) -> Hashable:
    """Return the properties of a value on which memory depends: the form of a tensor, and the identity of an object."""
    if isinstance(value, Tensor):
        return value.shape, value.stride(), value.dtype, value.device, value.requires_grad
    if isinstance(value, bool | int | str | torch.dtype | torch.device | None):
        return value
    if isinstance(value, float):
        return value == 0  # all other values take the same memory
    if isinstance(value, dict):
        return tuple((name, _form(item)) for name, item in value.items())
    if isinstance(value, tuple | list):
        return type(value), tuple(map(_form, value))
    return value if isinstance(value, Itself) else Itself(value)


def _readable(count: int) -> str:
    unit, size = next((u, s) for u, s in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("bytes", 1)) if count >= s)
    return f"{count / size:.1f} {unit}" if size > 1 else f"{count} {unit}"


class Usage(NamedTuple):
    """Bytes of tensors in a forward and a backward pass, beyond those held before, and the number of torch's events."""

    outputs: int  # of the outputs of the forward pass
    stored: int  # of everything between the two passes
    peak: int  # the largest number at any time
    events: int  # a measure of the work of Python


def dry_run(net: nn.Module, xs: Tensor, run: Run, resume: bool, steps: int, chunk: int | None = None) -> Usage:
    """Run the first steps of a sequence, at once or in chunks, and leave everything as it is."""
    net, xs, whole = _copied(net), _first(xs, steps), Folding(steps)
    if not resume:
        reset(net)
    held = [m._kept for m in temporal(net)], list(net.buffers())
    before = RandomStates()

    def outputs() -> Any:
        ran = in_chunks(run, net, xs, whole, kept_by(temporal(net)), chunk or steps)
        keep(ran.states)  # which take memory after a run
        return ran.out

    try:
        # a chunk of all steps runs like no chunk
        return usage(outputs, _backward)
    finally:
        before.restore()
        del held  # kept until here, so that nothing from before is freed
        if torch.is_autocast_enabled(xs.device.type):
            torch.clear_autocast_cache()  # it holds the copy's parameters


def _copied(net: nn.Module) -> nn.Module:
    try:
        twin = copied(net)
    except ValueError as why:
        raise ValueError(f"unroll: memory= is planned on a copy of the net, but {why}; pass chunk= instead") from why
    twin.zero_grad(set_to_none=True)
    return twin


def _first(xs: Tensor, steps: int) -> Tensor:
    """Return the first steps in memory of their own, with the layout of the input's steps."""
    part = xs.detach()[:steps]
    if xs.stride(0) == 0 and not xs.requires_grad:
        return part[:1].clone().expand(part.shape)  # one step in memory: nets run such an input differently
    if 0 in part.stride():
        return part.clone().requires_grad_(xs.requires_grad)
    return torch.empty_strided(part.shape, part.stride(), dtype=part.dtype).copy_(part).requires_grad_(xs.requires_grad)


def _backward(out: Any) -> None:
    ends = [tensor for tensor in tree_leaves(out) if tensor.requires_grad]
    if not ends:
        raise ValueError(
            "unroll: memory= is planned for a backward pass, but no output of the net requires a gradient; "
            "call it under torch.no_grad(), or pass chunk="
        )
    torch.stack([end.sum() for end in ends]).sum().backward()


_BETWEEN = "snn_core.memory_plan: backward"


def usage(forward: Callable[[], Any], backward: Callable[[Any], object]) -> Usage:
    """Count the memory of the tensors of a forward pass, and of the backward pass of its output.

    It counts the memory that torch's allocator for the CPU hands out to this thread, including inside operations.
    Tensors from before do not count; they must stay alive, as torch does not report how much memory is freed with them.
    """
    if torch.autograd._profiler_enabled():
        raise RuntimeError(
            "memory is counted by torch's profiler, and one is recording already; plan outside of it, by calling "
            "plan_memory or unroll with the same arguments before the profiler starts"
        )
    profile(profile_memory=True).__enter__()  # its __exit__ would sum the events by operation
    collects = gc.isenabled()
    gc.disable()  # otherwise older garbage might be freed in between, and be counted
    try:
        out = forward()
        with record_function(_BETWEEN):
            pass
        backward(out)
    finally:
        events = [event for thread in torch.autograd._disable_profiler_legacy() for event in thread]
        if collects:
            gc.enable()
    live, peak, stored = 0, 0, None
    for event in events:
        if event.kind() == "memory_alloc":
            live += event.cpu_memory_usage()
            peak = max(peak, live)
        elif event.kind() == "push" and event.name() == _BETWEEN:
            stored = live
    if stored is None:
        raise RuntimeError(
            "unroll: memory= is planned by running a few steps ahead, but torch has not recorded all of them; plan "
            "outside of compiled code, with plan_memory, and pass chunk="
        )
    return Usage(sum(tensor.nbytes for tensor in tree_leaves(out)), stored, peak, len(events))
