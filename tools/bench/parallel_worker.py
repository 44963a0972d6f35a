"""One of several processes that train a net together; ``torchrun`` starts it, process 0 prints what it measured."""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import time
from collections.abc import Callable

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

import snn_core as snn

WIDTH, LAYERS, STEPS = 512, 3, 100


class _OverTime(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, xs: Tensor) -> Tensor:
        return snn.unroll(self.net, xs)


def _net() -> nn.Module:
    layers = [(nn.Linear(WIDTH, WIDTH), snn.Leaky(beta=0.9, init_hidden=True)) for _ in range(LAYERS)]
    return _OverTime(nn.Sequential(*(module for pair in layers for module in pair)))


def _timed(run: Callable[[], object], rounds: int) -> float:
    """Return the median seconds of a run that all processes begin together; a first run does not count."""
    seconds = []
    for _ in range(rounds + 1):
        dist.barrier()
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def main() -> None:
    """Measure batches of the sizes on the command line, after the number of rounds."""
    rounds, *batches = map(int, sys.argv[1:])
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    torch.manual_seed(0)
    net = DistributedDataParallel(_net())
    size = sum(p.numel() for p in net.parameters())
    gradient = torch.zeros(size)
    results: dict[str, object] = {
        "bytes": 4 * size,
        "exchange": _timed(lambda: dist.all_reduce(gradient), rounds),
        "processes": dist.get_world_size(),
    }
    for batch in batches:
        xs = torch.randn(STEPS, batch, WIDTH)

        def step(alone: bool, xs: Tensor = xs) -> None:
            with net.no_sync() if alone else contextlib.nullcontext():
                net(xs).mean().backward()

        results[str(batch)] = {
            "together": _timed(lambda: step(False), rounds),
            "alone": _timed(lambda: step(True), rounds),
        }
    if dist.get_rank() == 0:
        print(json.dumps(results), flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
