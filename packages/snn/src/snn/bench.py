"""Times of a net, in a loop over its steps and in ``unroll``, and the operations on which ``unroll`` spends time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import astuple, dataclass
from heapq import nlargest
from statistics import median
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.profiler import ProfilerActivity, profile
from torch.utils._pytree import tree_leaves, tree_map

import snn
from snn_core.results import Line, Result

__all__ = ["Bench", "Timing", "bench"]

_MEBI = 2**20
_MOST_PLACES = 6


@dataclass(frozen=True)
class Timing:
    """Seconds and bytes of one way of running a net.

    Args:
        forward: Seconds of a forward pass without gradients, the median of all repeats.
        training: Seconds of a forward and a backward pass, the median of all repeats.
        kept: Bytes that the forward pass keeps for the backward pass, without the weights.
    """

    forward: float
    training: float
    kept: int


@dataclass(frozen=True, repr=False)
class Bench(Result):
    """The times of a net.

    Args:
        steps: The times of the loop over the steps.
        unrolled: The times of ``unroll``.
        places: The operations on which a forward and a backward pass of ``unroll`` spend their time, and the share of
            each, the largest first; on an accelerator, the share of the CPU time spent on launching them.
        schedule: The way in which ``unroll`` runs the net, and the reason.
        threads: Threads that torch computes on.

    Example:
        >>> timing = Timing(forward=0.002, training=0.005, kept=2**20)
        >>> print(Bench(timing, Timing(0.001, 0.0025, 2**19), {"aten::mm": 0.75}, "layer by layer: ...", threads=1))
                   forward  forward and backward  kept for backward
        step loop   2.0 ms                5.0 ms            1.0 MiB
        unroll      1.0 ms                2.5 ms            0.5 MiB
        unroll is   2.00 x                2.00 x             2.00 x  as fast, as small
        <BLANKLINE>
        where the time of unroll goes, forward and backward:
          75 %  aten::mm
        <BLANKLINE>
        layer by layer: ...
        1 thread
    """

    steps: Timing
    unrolled: Timing
    places: dict[str, float]
    schedule: str
    threads: int

    _numbers: ClassVar[str] = ">"

    def _lines(self) -> list[Line]:
        pairs = zip(astuple(self.steps), astuple(self.unrolled), strict=True)
        rows = [
            ("", "forward", "forward and backward", "kept for backward", ""),
            ("step loop", *_cells(self.steps), ""),
            ("unroll", *_cells(self.unrolled), ""),
            ("unroll is", *(f"{slow / fast:.2f} x" if fast else "-" for slow, fast in pairs), "as fast, as small"),
        ]
        shares = [f"{100 * share:>4.0f} %  {name}" for name, share in self.places.items()]
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        heading = "where the time of unroll goes, forward and backward:"
        return [*rows, "", heading, *shares, "", self.schedule, threads]


def bench(net: nn.Module, xs: Tensor, *, repeats: int = 5) -> Bench:
    """Time a net over a sequence, in a loop over the steps and in ``unroll``.

    Args:
        net: A net written for one step, whose neurons keep their state; it is left at rest and without gradients.
        xs: Its input ``[num_steps, batch, ...]``.
        repeats: The number of timed passes of each kind, after two untimed ones.

    Returns:
        The times, the memory, and the operations that take the time.

    Raises:
        ValueError: If ``repeats`` is less than 1.
        TypeError: If ``repeats`` is not a whole number, or the net returns anything but tensors.

    Example:
        >>> net = nn.Sequential(nn.Linear(7, 5), snn.Leaky(beta=0.9, init_hidden=True))
        >>> times = bench(net, torch.rand(11, 3, 7), repeats=1)
        >>> times.steps.forward > 0, times.unrolled.kept > 0
        (True, True)
    """
    if not isinstance(repeats, int) or isinstance(repeats, bool):
        raise TypeError(f"repeats is {repeats!r}; it must be a whole number")
    if repeats < 1:
        raise ValueError(f"repeats is {repeats}; it must be at least 1")
    ways: dict[str, Callable[[], Any]] = {"steps": lambda: _loop(net, xs), "unrolled": lambda: snn.unroll(net, xs)}
    _, how = snn.unroll(net, xs, explain=True)
    timings = {name: _timed(net, way, xs.device, repeats) for name, way in ways.items()}
    places = _places(ways["unrolled"])
    net.zero_grad()
    snn.utils.reset(net)
    return Bench(**timings, places=places, schedule=str(how), threads=torch.get_num_threads())


def _loop(net: nn.Module, xs: Tensor) -> Any:
    snn.utils.reset(net)
    return tree_map(lambda *steps: torch.stack(steps), *[net(x) for x in xs])


def _timed(net: nn.Module, way: Callable[[], Any], device: torch.device, repeats: int) -> Timing:
    with torch.no_grad():
        forward = _median(way, device, repeats)
    return Timing(forward, _median(lambda: _trained(way), device, repeats), _kept(net, way))


def _median(call: Callable[[], Any], device: torch.device, repeats: int) -> float:
    seconds = []
    for _ in range(repeats + 2):
        started = time.perf_counter()
        call()
        if device.type != "cpu":  # the call returns before an accelerator is done
            torch.accelerator.synchronize(device)
        seconds.append(time.perf_counter() - started)
    return median(seconds[2:])


def _trained(way: Callable[[], Any]) -> None:
    sums = [leaf.sum() for leaf in tree_leaves(way()) if leaf.requires_grad]
    if sums:
        torch.autograd.backward(sums, [torch.ones_like(total) for total in sums])


def _kept(net: nn.Module, way: Callable[[], Any]) -> int:
    """Count the bytes that a forward pass keeps: shared memory counts once, and weights do not count."""
    weights = {weight.untyped_storage().data_ptr() for weight in net.parameters()}
    sizes: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        out = way()  # kept until the count; otherwise reused memory would be counted as shared
    del out
    return sum(sizes.values())


def _places(way: Callable[[], Any]) -> dict[str, float]:
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiler:
        _trained(way)
    spent = {event.key: event.self_cpu_time_total for event in profiler.key_averages()}
    total = sum(spent.values())
    return {name: spent[name] / total for name in nlargest(_MOST_PLACES, spent, key=spent.__getitem__)}


def _cells(timing: Timing) -> tuple[str, str, str]:
    return _seconds(timing.forward), _seconds(timing.training), f"{timing.kept / _MEBI:,.1f} MiB"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.{1 if seconds >= 1e-3 else 3}f} ms"
