"""A table of the memory that ``unroll(net, xs, memory=...)`` predicts and takes: ``python -m bench.budgets``."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

import snn_core as snn
from bench.tables import Table
from snn_core.sequence.memory_plan import usage

_OPTIONS = {"beta": 0.9, "init_hidden": True}


def _leaky() -> nn.Module:
    return snn.Leaky(**_OPTIONS)


def _dense(width: int, neuron: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(width, width), neuron, nn.Linear(width, 10), _leaky())


def _deep() -> nn.Module:
    return nn.Sequential(*(layer for _ in range(6) for layer in (nn.Linear(256, 256), _leaky())))


def _convolutional() -> nn.Module:
    first = nn.Conv2d(1, 8, 5), _leaky(), nn.MaxPool2d(2)
    second = nn.Conv2d(8, 16, 5), _leaky(), nn.MaxPool2d(2)
    return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(256, 10), _leaky())


_CASES: list[tuple[str, Callable[[], nn.Module], tuple[int, ...]]] = [
    ("Leaky, 128 wide", lambda: _dense(128, _leaky()), (2000, 16, 128)),
    ("Leaky, 512 wide", lambda: _dense(512, _leaky()), (500, 64, 512)),
    ("Synaptic, 256 wide", lambda: _dense(256, snn.Synaptic(alpha=0.8, **_OPTIONS)), (500, 32, 256)),
    (
        "RLeaky, 128 wide",
        lambda: _dense(128, snn.RLeaky(linear_features=128, reset_mechanism="zero", **_OPTIONS)),
        (500, 16, 128),
    ),
    ("SLSTM, 64 wide", lambda: _dense(64, snn.SLSTM(64, 64, init_hidden=True)), (500, 16, 64)),
    ("six layers of Leaky, 256 wide", _deep, (300, 64, 256)),
    ("two convolutions with pooling", _convolutional, (200, 16, 1, 28, 28)),
]


def table() -> Table:
    """Measure the peak memory of each net, with all steps at once and in chunks that fit a third of that."""
    rows = []
    for name, make, shape in _CASES:
        torch.manual_seed(0)
        net, xs = make(), torch.rand(*shape)
        _peak(net, xs[:2])
        whole = snn.plan_memory(net, xs)
        budget = whole.whole_bytes // 3
        begun = time.perf_counter()
        plan = snn.plan_memory(net, xs, budget)
        planning = time.perf_counter() - begun
        begun = time.perf_counter()
        snn.unroll(net, xs, chunk=plan.chunk).sum().backward()
        ran = time.perf_counter() - begun
        at_once, chunked = _peak(net, xs), _peak(net, xs, chunk=plan.chunk)
        rows.append(
            [
                name,
                f"{shape[0]} × {shape[1]}",
                _beside(whole.whole_bytes, at_once),
                f"{budget / 2**20:.1f} MiB",
                str(plan.chunk),
                _beside(plan.predicted_bytes, chunked),
                f"{planning:.1f} s",
                f"{ran:.2f} s",
            ]
        )
    head = ["net", "steps × batch", "at once: predicted, measured", "budget", "chunk", "predicted, measured"]
    return Table("Memory", [*head, "plan", "run"], rows)


def _peak(net: nn.Module, xs: Tensor, chunk: int | None = None) -> int:
    snn.utils.reset(net)
    net.zero_grad(set_to_none=True)
    return usage(lambda: snn.unroll(net, xs, chunk=chunk), lambda out: out.sum().backward()).peak


def _beside(predicted: int, measured: int) -> str:
    return f"{predicted / 2**20:.1f}, {measured / 2**20:.1f} MiB ({100 * (predicted / measured - 1):+.1f} %)"


if __name__ == "__main__":
    print(table().markdown())
