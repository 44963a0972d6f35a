"""Train ordinary networks, convert them by each method, and write the accuracy lost into ``docs/convert.md``.

``python tools/conversion.py`` trains all with three seeds; with ``--tasks "digits, dense" --seeds 0``, for example, it
trains some and leaves the page as it is.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

import snn
from bench.report import say, what_ran
from bench.tables import Table, sections
from marked import Part
from workspace import ROOT

PAGE = ROOT / "docs" / "convert.md"
PART = Part("<!-- tables: written by tools/conversion.py -->", "<!-- end of the tables -->", PAGE.name)
STEPS = (8, 16, 32, 64)
METHODS = ("max", "percentile", "qcfs")
LEVELS, EPOCHS = 16, 5
"""Levels of the activations of the third method, and the number of epochs that train them."""


class Block(nn.Module):
    """Two convolutions whose input is added to their output."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(*_conv(channels, channels), nn.ReLU(), *_conv(channels, channels))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.inner(x) + x)


def _conv(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)


def _dense(inputs: int, hidden: int) -> nn.Module:
    layers = nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(0.2), nn.Linear(hidden, hidden), nn.ReLU()
    return nn.Sequential(nn.Flatten(), *layers, nn.Linear(hidden, 10))


def _convolutional(pool: type[nn.Module], channels: int, side: int) -> nn.Module:
    first = *_conv(1, channels), nn.ReLU(), pool(2)
    second = *_conv(channels, 2 * channels), nn.ReLU(), pool(2)
    return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(2 * channels * (side // 4) ** 2, 10))


def _residual() -> nn.Module:
    stem = *_conv(1, 16), nn.ReLU()
    return nn.Sequential(*stem, Block(16), nn.AvgPool2d(2), Block(16), nn.Flatten(), nn.Linear(256, 10))


TASKS: dict[str, tuple[str, int, Callable[[], nn.Module]]] = {
    "digits, dense": ("digits", 30, lambda: _dense(64, 128)),
    "digits, convolutions": ("digits", 30, lambda: _convolutional(nn.MaxPool2d, 16, 8)),
    "digits, residual": ("digits", 30, _residual),
    "MNIST-5k, dense": ("mnist5k", 20, lambda: _dense(784, 256)),
    "MNIST-5k, convolutions": ("mnist5k", 10, lambda: _convolutional(nn.AvgPool2d, 8, 28)),
}
"""The data, the number of epochs and the network of each task."""


def main(arguments: list[str]) -> None:
    """Train and convert, and write the tables of the page if all tasks and seeds ran."""
    parser = argparse.ArgumentParser(prog="python tools/conversion.py", allow_abbrev=False)
    parser.add_argument("--tasks", nargs="+", choices=[*TASKS], default=[*TASKS], help="tasks to train (default: all)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="seeds to train with (default: 0 to 2)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    runs = {task: [trained(task, seed) for seed in options.seeds] for task in options.tasks}
    if (options.tasks, options.seeds) == ([*TASKS], [0, 1, 2]):
        PART.write(PAGE, lambda: sections(tables(runs)))


def trained(task: str, seed: int) -> dict[str, dict[int, float]]:
    """Train a network with a seed of weights and order, and convert it.

    Returns:
        For each method, the accuracy on the test part by number of steps; that of the network is under ``"network"``
        and 0.
    """
    torch.manual_seed(seed)
    source, epochs, make = TASKS[task]
    train, test = getattr(snn.data, source)()
    net = make()
    _train(net, train[:], epochs, 2e-3)
    with torch.no_grad():
        results = {"network": {0: _share(net.eval()(test.data), test.targets)}}
    sample = train[torch.randperm(len(train))[:1000]]
    for method in METHODS:
        ann = net
        if method == "qcfs":
            ann = snn.QCFS.replace_relu(net, sample, levels=LEVELS)
            _train(ann, train[:], EPOCHS, 1e-3)
        converted, _ = snn.from_ann(ann, sample, method=method, num_steps=8)
        results[method] = _by_steps(converted, *test[:])
    text = "; ".join(f"{name} {' '.join(f'{100 * v:.2f}' for v in of.values())}" for name, of in results.items())
    say(f"{task}, seed {seed}: {text}")
    return results


def _train(net: nn.Module, data: tuple[Tensor, Tensor], epochs: int, rate: float) -> None:
    x, targets = data
    optimizer = torch.optim.Adam(net.train().parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(64):
            loss = nn.functional.cross_entropy(net(x[rows]), targets[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()


@torch.no_grad()
def _by_steps(net: nn.Module, x: Tensor, targets: Tensor) -> dict[int, float]:
    """Return the accuracy by number of steps."""
    outs = torch.cat([snn.unroll(net, rows.expand(max(STEPS), *rows.shape)) for rows in x.split(100)], 1)
    return {steps: _share(outs[:steps].mean(0), targets) for steps in STEPS}


def _share(out: Tensor, targets: Tensor) -> float:
    return float((out.argmax(1) == targets).double().mean())


def tables(runs: dict[str, Any]) -> Sequence[Table]:
    """Return the tables of the page, from what :func:`trained` returned for each task with each seed."""
    head = ["network", "its accuracy", "method", *(f"T = {steps}" for steps in STEPS)]
    rows = [
        [task, _percent([run["network"][0] for run in of]), method, *(_lost(of, method, steps) for steps in STEPS)]
        for task, of in runs.items()
        for method in METHODS
    ]
    ran = what_ran("python tools/conversion.py", ("python", "torch", "snn"), 1)
    return Table("Points of accuracy lost", head, rows), ran


def _lost(runs: list[dict[str, Any]], method: str, steps: int) -> str:
    """Return the points of accuracy lost compared with the network: the mean over seeds and the largest loss."""
    lost = [100 * (run["network"][0] - run[method][steps]) for run in runs]
    return f"{statistics.fmean(lost):.2f} (≤ {max(lost):.2f})"


def _percent(shares: list[float]) -> str:
    return f"{100 * statistics.fmean(shares):.2f} %"


if __name__ == "__main__":
    main(sys.argv[1:])
