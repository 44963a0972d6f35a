"""Plans that cut a sequence into chunks, so that training fits into a given memory."""

from __future__ import annotations

import functools
import math
import weakref
from bisect import bisect
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from snn_core.kernels import registry
from snn_core.kernels.fused import fits
from snn_core.neuron.firing import Firing
from snn_core.neuron.temporal import temporal
from snn_core.sequence.dry_run import Usage, dry_run
from snn_core.sequence.loop import Run
from snn_core.sequence.plan import HOOKS


@dataclass(frozen=True)
class MemoryPlan:
    """A plan of how to cut a sequence so that its forward and backward passes fit into a budget.

    All bytes are of tensors, above what is there before the call; :func:`~snn_core.plan_memory` says what is counted.

    Args:
        chunk: Steps at a time, as ``unroll(chunk=...)`` takes them; None where all are run at once.
        predicted_bytes: The most that tensors take with it.
        whole_bytes: The most that they take where all steps are run at once.
        least_bytes: The least that any chunk takes; None where all steps fit, so that no chunk was looked at.
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

    def __str__(self) -> str:
        others = [] if self.least_bytes is None else [f"at least {_readable(self.least_bytes)}"]
        cut, twice = f"all {self.steps} steps at once", ""
        if self.chunk is not None:
            cut = f"chunks of {self.chunk} of {self.steps} steps"
            others.insert(0, f"at once {_readable(self.whole_bytes)}")
            twice = f"; {100 * ((self.steps - 1) // self.chunk * self.chunk) / self.steps:.0f} % of the steps run twice"
        beside = f" ({', '.join(others)})" if others else ""
        return f"{cut}: {_readable(self.predicted_bytes)} of tensors{beside}{twice}"


def planned(net: nn.Module, xs: Tensor, run: Run, memory: int | None, resume: bool, blocks: bool) -> MemoryPlan:
    """Return the plan for a net, an input and a budget; the one made before where nothing it depends on has changed.

    ``blocks`` says whether ``run`` takes a block of steps at a time. ``memory`` of None asks for all steps at once.

    Raises:
        ValueError: If the net cannot be planned for, or not even the best chunk fits.
        RuntimeError: If something follows what torch does, so that a few steps cannot be run ahead.
    """
    _check(net, xs)
    key = (memory, run, resume, _input(xs), _settings(), *_structure(net), *(_kept(net) if resume else ()))
    plans = _PLANS.setdefault(net, {})
    if key not in plans:
        if len(plans) == _MOST:
            del plans[next(iter(plans))]
        plans[key] = _plan(net, xs, run, memory, resume, blocks)
    return plans[key]


_PLANS: weakref.WeakKeyDictionary[nn.Module, dict[Hashable, MemoryPlan]] = weakref.WeakKeyDictionary()
_MOST = 16  # plans of a net: its batches have a few shapes, and a net that changes at every call shall not fill memory


def _plan(net: nn.Module, xs: Tensor, run: Run, memory: int | None, resume: bool, blocks: bool) -> MemoryPlan:
    measure, steps = functools.partial(dry_run, net, xs, run, resume), len(xs)
    measure(1)  # what is made once a process, such as a library's workspace, is there from now on
    gradients = sum(p.nbytes for p in net.parameters() if p.requires_grad)
    best, least = None, 0
    for budget in (math.inf,) if memory is None else (memory, math.inf):  # where it is too little, see what is not
        growth = Growth(measure, steps, xs[:1].nbytes if xs.requires_grad else 0, gradients, blocks, budget)
        whole = growth.peak(None)
        if memory is not None and whole <= memory:
            return MemoryPlan(None, whole, whole, None, steps)
        best, least = _search(growth, steps, 0)
        if whole <= least:
            best, least = None, whole
        if memory is None:
            return MemoryPlan(None, whole, whole, least, steps)
        chunk, peak = _search(growth, steps, memory)
        if peak <= memory:
            return MemoryPlan(chunk, peak, whole, min(least, peak), steps)
    raise ValueError(
        f"unroll: memory={memory} bytes is too little for {steps} steps of xs of shape {tuple(xs.shape)}: tensors "
        f"take {least} bytes at least (chunk={best}); pass memory={least} or more, fewer samples or steps, or "
        "chunk= with truncate=True and a backward() a call, which cuts the gradient"
    )


def _search(growth: Growth, steps: int, memory: int) -> tuple[int | None, int]:
    """Return the largest chunk that fits, or the one that takes the least if none does, and its peak."""
    # the sizes that cut the steps into two, three, ... parts as even as can be
    sizes = sorted({math.ceil(steps / count) for count in range(2, steps + 1)}, reverse=True)
    while True:
        peaks = {chunk: growth.peak(chunk) for chunk in sizes or [None]}
        chunk = next((chunk for chunk in peaks if peaks[chunk] <= memory), min(peaks, key=peaks.__getitem__))
        if chunk is None or not growth.refine(chunk):
            return chunk, peaks[chunk]


# long enough that what depends on a tensor's size, such as how a product is computed, is as for longer ones
_LONG, _LONG_IN_BLOCKS = 64 * 2**20, 256 * 2**20
_TIMES = 16  # as much as the gradients of the parameters, before which the peak may be where these are
_EVENTS, _MOST_EVENTS = 50_000, 300_000  # of one dry run: what Python does step after step grows as at few steps


class Growth:
    r"""Predicts the peak of memory of a sequence from dry runs of a few of its steps.

    ``P(c)``, the peak of ``c`` steps at once, is measured at doubling lengths until they are long, and lies on lines
    between and beyond. In chunks of ``c`` steps the peak is where a chunk has run again and is differentiated: above
    its own ``P(c)`` there are then the outputs, ``o`` a step, and either what is stored where the other chunks begin,
    ``b`` each, as that is the first to run again, or the gradient of all other steps' input, ``i`` a step, as it is
    the last; if not where the gradients of all chunks' input are put together:

    .. math:: T o + \max\{(\lceil T/c \rceil - 1) b + P(c),\; b + (T - c) i + P(c),\; 2 T i\} + d(c)

    A few runs in chunks give ``b``, and ``d``, which is all else: parameters' gradients, and what differs in chunks.

    Args:
        measure: Runs so many steps, so many at a time.
        steps: Number of steps of the sequence.
        input_gradient: Bytes of the gradient of one step's input.
        gradients: Bytes of the gradients of the net's parameters.
        blocks: Whether the net sees a block of steps at a time, above which nothing but what is stored grows.
        budget: Bytes from which on it is enough to know that there are more.
    """

    def __init__(
        self,
        measure: Callable[..., Usage],
        steps: int,
        input_gradient: int,
        gradients: int,
        blocks: bool,
        budget: float = math.inf,
    ) -> None:
        self._measure, self._steps, self._input = measure, steps, input_gradient
        self._stored: dict[int, float] = {}  # by steps at once
        self._above: dict[int, float] = {}
        self._output = self._border = 0.0
        self._others: dict[int, float] = {}  # by chunk
        ample = _TIMES * gradients
        long = max(_LONG_IN_BLOCKS if blocks else _LONG, ample)
        self._longest, is_long = 0, False
        while self._longest < steps and not (self._longest > 2 and is_long):
            self._longest = min(max(2 * self._longest, 1), steps)
            used = measure(self._longest)
            self._stored[self._longest], self._above[self._longest] = used.stored, used.peak - used.stored
            self._levels = blocks and used.peak >= long
            is_steady = used.events >= (_EVENTS if used.peak >= ample else _MOST_EVENTS)
            self._is_beyond = used.peak > budget and not is_steady  # three chunks take about as much as the budget
            is_long = used.peak >= long or used.peak > budget or is_steady

    def peak(self, chunk: int | None) -> int:
        """Return the most bytes that tensors take with so many steps at a time, or all."""
        if chunk is None or chunk >= self._steps:
            return round(self._at_once(self._steps))
        if not self._others:
            self._measure_chunks()
        return round(self._in_chunks(self._steps, chunk) + _on_lines(self._others, chunk))

    def refine(self, chunk: int) -> bool:
        """Measure a chunk, unless it is long or was measured; return True if there was anything to do."""
        steps = min(3 * chunk, self._steps)
        if chunk in self._others or (chunk if self._is_beyond else steps) > self._longest:
            return False
        self._others[chunk] = self._measure(steps, chunk).peak - self._in_chunks(steps, chunk)
        return True

    def _measure_chunks(self) -> None:
        small = min(2, self._steps // 4)
        if small:
            three, four = self._measure(3 * small, small), self._measure(4 * small, small)
            self._output = four.outputs / (4 * small)
            self._border = four.stored - three.stored - small * self._output
            self._others[small] = four.peak - self._in_chunks(4 * small, small)
        self.refine(max(self._longest // 4, 1))

    def _at_once(self, steps: int) -> float:
        levels = self._levels and steps > self._longest
        return _on_lines(self._stored, steps) + (max(self._above.values()) if levels else _on_lines(self._above, steps))

    def _in_chunks(self, steps: int, chunk: int) -> float:
        own, others = self._at_once(chunk), math.ceil(steps / chunk) - 1
        first, last = others * self._border + own, self._border + (steps - chunk) * self._input + own
        return steps * self._output + max(first, last, 2 * steps * self._input)


def _on_lines(points: Mapping[int, float], at: int) -> float:
    """Return the value on the lines through points, the last of which starts at half its end or before and goes on."""
    sizes = sorted(points)
    if at in points or len(sizes) == 1:
        return points.get(at, points[sizes[0]])
    high = sizes[min(max(bisect(sizes, at), 1), len(sizes) - 1)]
    low = max((size for size in sizes if size < at and (at < high or 2 * size <= high)), default=sizes[0])
    return points[low] + (points[high] - points[low]) * (at - low) / (high - low)


def _check(net: nn.Module, xs: Tensor) -> None:
    if torch.compiler.is_compiling() or not fits(xs) or torch._C._len_torch_dispatch_stack():
        raise RuntimeError(
            "unroll: memory= is planned by running a few steps ahead, which is not possible while something else than "
            "autograd follows what torch does (a compiler, torch.func, a dispatch mode, a tensor of another class); "
            "plan before by plan_memory and pass chunk="
        )
    if xs.device.type != "cpu":
        raise ValueError(
            f"unroll: memory= is planned by what torch records of memory on the CPU, got xs on {xs.device}; pass chunk="
        )
    if any(getattr(nn.modules.module, f"_global{kind}") for kind in HOOKS):
        raise ValueError(
            "unroll: a hook on all modules would see the steps that are run ahead to plan for memory=; remove it or "
            "pass chunk="
        )
    for path, module in net.named_modules():
        if any(getattr(module, kind) for kind in HOOKS):
            raise ValueError(
                f"unroll: {path!r} ({type(module).__name__}) has a hook, which would see the steps that are run ahead "
                "to plan for memory=; remove it or pass chunk="
            )


def _input(xs: Tensor) -> tuple[Hashable, ...]:
    return xs.shape, xs.stride(), xs.dtype, xs.device, xs.requires_grad


def _settings() -> Hashable:
    """Return what decides, outside of the net, how it is computed."""
    registry.status()  # finds what is installed
    return (
        tuple(id(kernel) for offered in registry._OFFERED.values() for kernel in offered),
        torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu"),
        torch.get_default_dtype(),
        torch.backends.mkldnn.enabled,
        torch.get_num_threads(),
    )


def _structure(net: nn.Module) -> list[Hashable]:
    """Return what a net is made of: its modules, their tensors, and all of their options."""
    parts: list[Hashable] = []
    for path, module in net.named_modules(remove_duplicate=False):
        parts.append((path, id(module), type(module)))
        tensors = [*module._parameters.items(), *module._buffers.items()]
        parts += [(name, *_input(tensor)) for name, tensor in tensors if tensor is not None]
        parts += [(name, _option(value)) for name, value in vars(module).items() if name not in _NO_OPTIONS]
        parts += [module._amplitude_is_one()] if isinstance(module, Firing) else []
    return parts


# what every module has, of which tensors and submodules are looked at by themselves, and what neurons keep
_NO_OPTIONS = {*vars(nn.Module()), "_kept", "_kept_in"}
_NO_OPTIONS -= {"training"}


def _option(value: Any) -> Hashable:
    if isinstance(value, bool | int | str | torch.dtype | torch.device | None):
        return value
    if isinstance(value, float):
        return value == 0  # other values compute the same in as much memory
    if isinstance(value, Tensor):
        return _input(value)
    if isinstance(value, tuple | list):
        return type(value), tuple(map(_option, value))
    return type(value), id(value)


def _kept(net: nn.Module) -> list[Hashable]:
    kept = [m._kept for m in temporal(net)]
    return [tuple(map(_option, value)) if isinstance(value, tuple) else None for value in kept]


def _readable(count: int) -> str:
    unit, size = next((u, s) for u, s in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10), ("bytes", 1)) if count >= s)
    return f"{count / size:.1f} {unit}" if size > 1 else f"{count} {unit}"
