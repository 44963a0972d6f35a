"""The parts of a net's time: the kinds of layers, the work of each and the time it takes."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from bench.limits import Work
from bench.peers.trial import TorchTrial
from snn_core import SpikingNeuron

STAGES = {
    "matrix products": (
        *("aten::mm", "aten::addmm", "mkldnn::_linear", "_Linear"),
        *("snn_cpu::spike_", "snn_cpu::pack_", "snn_cpu::unpack_"),
    ),
    "convolutions": ("aten::mkldnn_convolution", "aten::convolution_backward", "aten::thnn_conv2d"),
    "pooling": ("aten::max_pool2d",),
    "neurons": ("snn_cpu::", "snn::", "_Fused", "_Spike"),
}
"""The kinds of layers, and how the names of their operators begin; the first match counts."""
REST = "the rest: copies, sums, Python"
_TIMES = 5


def spent(trial: TorchTrial) -> dict[str, dict[str, float]]:
    """Profile a net that runs as usual.

    Returns:
        Median seconds by kind of layer and direction. An operator that another one calls counts for its own kind if
        that is listed, otherwise for the kind of its caller.
    """
    trial.train()
    rounds = [_round(trial) for _ in range(_TIMES)]
    return {
        stage: {way: statistics.median(turn[way][stage] for turn in rounds) for way in ("forward", "backward")}
        for stage in (*STAGES, REST)
    }


def _round(trial: TorchTrial) -> dict[str, dict[str, float]]:
    outs: list[Tensor] = []
    forward = _profiled(lambda: outs.append(trial.forward()))
    return {"forward": forward, "backward": _profiled(lambda: trial.backward(outs[0]))}


def _profiled(call: Callable[[], object]) -> dict[str, float]:
    with (
        profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiler,
        torch.profiler.record_function("everything"),
    ):
        call()
    seconds: dict[str, float] = defaultdict(float)
    for event in profiler.events() or ():
        seconds[_stage(event)] += event.self_cpu_time_total / 1e6
    return seconds


def _stage(event: Any) -> str:
    while event is not None:
        for stage, beginnings in STAGES.items():
            if event.name.startswith(beginnings):
                return stage
        event = event.cpu_parent
    return REST


def work(trial: TorchTrial) -> list[Work]:
    """Return the least work that the layers of a net have to do over the whole sequence.

    Neurons read their input and write spikes; backward they read gradient and input and write the gradient of the
    input. Between two uses of one of these four, forward and backward, the other three pass through the cache.
    Products and convolutions multiply once forward, backward once for the weights and, but for the first layer, once
    for their input. All in float32.

    Returns:
        One item for each kind of layer and direction; ``"inference"`` is forward without a backward pass after it.
    """
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    steps = len(trial.xs)
    # a net with convolutions runs in blocks that stay in the cache
    in_blocks = any(isinstance(layer, nn.Conv2d) for layer in trial.net.modules())
    is_first = not trial.xs.requires_grad

    def add(stage: str, direction: str, elements: int, operations: int = 0, held: int | None = None) -> None:
        total = sums[stage, direction]
        total[0] += 4 * steps * elements
        total[1] += steps * operations
        total[2] = 0 if in_blocks else max(total[2], 4 * steps * (elements if held is None else held))
        if direction == "forward":
            add(stage, "inference", elements, operations)

    def count(layer: nn.Module, inputs: Any, out: Any) -> None:
        nonlocal is_first
        into, size = inputs[0].numel(), out.numel()
        if isinstance(layer, SpikingNeuron):
            add("neurons", "forward", 2 * size, held=4 * size)
            add("neurons", "backward", 3 * size, held=4 * size)
        elif isinstance(layer, nn.MaxPool2d):
            add("pooling", "forward", into + size)
            add("pooling", "backward", into + size)
        else:
            assert isinstance(layer, nn.Linear | nn.Conv2d)
            stage = "matrix products" if isinstance(layer, nn.Linear) else "convolutions"
            operations = 2 * size * layer.weight[0].numel()
            add(stage, "forward", into + size, operations)
            times = 1 if is_first else 2
            add(stage, "backward", times * (into + size), times * operations)
            is_first = False

    counted = (SpikingNeuron, nn.MaxPool2d, nn.Linear, nn.Conv2d)
    hooks = [layer.register_forward_hook(count) for layer in trial.net.modules() if isinstance(layer, counted)]
    with torch.no_grad():
        trial.net(trial.xs[0])
    for hook in hooks:
        hook.remove()
    return [Work(stage, direction, *sums) for (stage, direction), sums in sums.items()]
