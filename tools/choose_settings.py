"""Train small nets with one setting changed at a time, and write the tables of ``docs/choose-settings.md``.

``python tools/choose_settings.py`` takes about five minutes on one thread. The data comes with packages, and every
number is from a validation part; the test parts are not used.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import snn
from bench.report import positive, what_ran
from bench.tables import Table, sections
from marked import Part
from workspace import ROOT

PAGE = ROOT / "docs" / "choose-settings.md"
PART = Part("<!-- tables: written by tools/choose_settings.py -->", "<!-- end of the tables -->", PAGE.name)
BATCH = 50
NORM = 1.0  # gradients are clipped to it
ATAN = snn.surrogate.atan(alpha=2.0)  # the default of a neuron
_PACKAGES = ("torch", "snn-core", "snn-cpu", "snn-data")


@dataclass(frozen=True)
class Settings:
    """The settings of a training, one of them changed at a time.

    Attributes:
        task: ``"digits"``, an image of 8x8 pixels in every step; ``"deep"``, the same through four hidden layers
            instead of one; ``"rows"``, an image of MNIST row by row.
        num_steps: T of the digits; the rows are 28 steps.
        code: How digits become input, ``"current"`` or ``"rate"``, random spikes of that rate.
        beta: Decay of the hidden neurons.
        learn_beta: Train it, one for each neuron; ``"bounded"`` inside (0, 1).
        decay_rate: Learning rate of the decays, as a multiple of ``rate``.
        surrogate: Surrogate of the hidden neurons.
        rate: Learning rate of Adam.
        scale: Factor on the weights and biases that PyTorch draws, or the firing rate of ``fluctuation_``.
        fluctuation: Scale the weights by ``fluctuation_``; ``scale`` is then the rate.
    """

    task: str
    num_steps: int = 8
    code: str = "current"
    beta: float = 0.9
    learn_beta: bool | Literal["bounded"] = False
    decay_rate: float = 1.0
    surrogate: Any = ATAN
    rate: float = 3e-3
    scale: float = 1.0
    fluctuation: bool = False


class Result(NamedTuple):
    """The accuracy on the validation part, share of steps in which the last hidden layer fires, seconds of an epoch."""

    accuracy: float
    firing: float
    seconds: float


DIGITS, DEEP, ROWS = (Settings(task) for task in ("digits", "deep", "rows"))
_DECAYS: dict[str, dict[str, Any]] = {
    **{f"{beta:g}": {"beta": beta} for beta in (0.0, 0.5, 0.8, 0.9, 0.95, 0.99)},
    "0.5, learned": {"beta": 0.5, "learn_beta": True},
    "0.9, learned": {"beta": 0.9, "learn_beta": True},
    "0.5, bounded": {"beta": 0.5, "learn_beta": "bounded"},
    "0.9, bounded": {"beta": 0.9, "learn_beta": "bounded"},
    "0.5, bounded, 10 × rate": {"beta": 0.5, "learn_beta": "bounded", "decay_rate": 10.0},
    "0.9, bounded, 10 × rate": {"beta": 0.9, "learn_beta": "bounded", "decay_rate": 10.0},
}
_WEIGHTS: dict[str, dict[str, Any]] = {
    **{f"PyTorch's × {scale:g}": {"scale": scale} for scale in (0.1, 0.3, 1.0, 3.0, 10.0)},
    **{f"`fluctuation_(net, xs, rate={rate:g})`": {"scale": rate, "fluctuation": True} for rate in (0.02, 0.1, 0.3)},
}
GRIDS: dict[str, dict[str, list[Settings]]] = {
    "Number of steps T": {
        str(steps): [replace(DIGITS, num_steps=steps, code=code) for code in ("current", "rate")]
        for steps in (1, 2, 4, 8, 16, 32)
    },
    "Decay beta": {name: [replace(task, **change) for task in (DIGITS, ROWS)] for name, change in _DECAYS.items()},
    "Surrogate gradient and its slope": {
        f"`{name}`": [replace(task, surrogate=surrogate) for task in (DIGITS, DEEP, ROWS)]
        for name, surrogate in {
            "atan(alpha=2)": ATAN,
            "atan(alpha=10)": snn.surrogate.atan(alpha=10.0),
            **{f"fast_sigmoid(slope={slope})": snn.surrogate.fast_sigmoid(slope=slope) for slope in (1, 5, 25, 100)},
            "straight_through_estimator()": snn.surrogate.straight_through_estimator(),
        }.items()
    },
    "Learning rate": {
        f"{rate:g}": [replace(task, rate=rate) for task in (DIGITS, DEEP, ROWS)]
        for rate in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
    },
    "Initialization": {
        name: [replace(task, **change) for task in (DIGITS, DEEP, ROWS)] for name, change in _WEIGHTS.items()
    },
}
"""The rows of each table by name, and the settings that are trained for each row."""
_HEADS = {
    "Number of steps T": ["T", "as a current", "an epoch", "as random spikes", "an epoch"],
    "Decay beta": ["beta", "digits", "rows"],
    "Surrogate gradient and its slope": ["surrogate", "digits", "digits, four hidden layers", "rows"],
    "Learning rate": ["learning rate", "digits", "digits, four hidden layers", "rows"],
    "Initialization": ["weights", "digits", "digits, four hidden layers", "rows"],
}


def main(arguments: list[str]) -> None:
    """Train every setting, and write the tables of the page."""
    parser = argparse.ArgumentParser(prog="choose_settings.py", allow_abbrev=False)
    parser.add_argument("--seeds", type=positive, default=3, help="number of seeds, counted from 0 (default: 3)")
    seeds = parser.parse_args(arguments).seeds
    torch.set_num_threads(1)
    began = time.process_time()
    results = tables(seeds)
    minutes = (time.process_time() - began) / 60
    facts = ["seeds", str(seeds)], ["processor time", f"{minutes:.0f} min"]
    results.append(what_ran("python tools/choose_settings.py", _PACKAGES, 1, *facts))
    PART.write(PAGE, lambda: sections(results, "###"))


def tables(seeds: int, grids: dict[str, dict[str, list[Settings]]] | None = None) -> list[Table]:
    """Train every setting of the grids, by default :data:`GRIDS`, with seeds from 0 on.

    Returns:
        A table for each grid: mean and standard deviation of the validation accuracy in percent, and the share of steps
        in which a hidden neuron fires.
    """

    @functools.cache  # all tables start from the same settings
    def runs(settings: Settings) -> list[Result]:
        return [trained(settings, seed) for seed in range(seeds)]

    tables = []
    for title, rows in (GRIDS if grids is None else grids).items():
        timed = title == "Number of steps T"
        cells = [[name, *_cells(map(runs, row), timed)] for name, row in rows.items()]
        tables.append(Table(title, _HEADS[title], cells))
    return tables


def _cells(results: Iterable[list[Result]], timed: bool) -> list[str]:
    cells = []
    for runs in results:
        shares = [100 * run.accuracy for run in runs]
        spread = f" ± {statistics.stdev(shares):.1f}" if len(shares) > 1 else ""
        firing = statistics.fmean(run.firing for run in runs)
        cells.append(f"{statistics.fmean(shares):.1f}{spread} ({firing:.2f})")
        if timed:
            cells.append(f"{1e3 * statistics.median(run.seconds for run in runs):.0f} ms")
    return cells


def trained(settings: Settings, seed: int, epochs: int = 0) -> Result:
    """Train a net and measure it on the validation part.

    The seed sets the weights, the random spikes and the order of the samples; 0 epochs stand for those of the tables.

    Example:
        >>> 0.1 < trained(Settings("digits", num_steps=2), seed=0, epochs=1).accuracy < 1
        True
    """
    train, valid = _parts(settings.task)
    torch.manual_seed(seed)
    net = _net(settings)
    if settings.fluctuation:
        snn.init.fluctuation_(net, _steps(settings, train[0][:200]), rate=settings.scale)
    decays = {name: p for name, p in net.named_parameters() if "beta" in name}
    others = [p for name, p in net.named_parameters() if name not in decays]
    rates = {"params": others}, {"params": [*decays.values()], "lr": settings.decay_rate * settings.rate}
    optimizer = torch.optim.Adam(rates[: 2 if decays else 1], lr=settings.rate)
    epochs = epochs or (20 if settings.task == "rows" else 15)
    began = time.process_time()
    for _ in range(epochs):
        for chosen in torch.randperm(len(train[0])).split(BATCH):
            optimizer.zero_grad()
            _, mem = snn.unroll(net, _steps(settings, train[0][chosen]))
            F.cross_entropy(mem.mean(0), train[1][chosen]).backward()
            nn.utils.clip_grad_norm_(net.parameters(), NORM)
            optimizer.step()
    seconds = (time.process_time() - began) / epochs
    with torch.no_grad():
        hidden = snn.unroll(net[:-2], _steps(settings, valid[0]))
        _, mem = snn.unroll(net[-2:], hidden)
    accuracy = (mem.mean(0).argmax(1) == valid[1]).float().mean()
    return Result(float(accuracy), float(hidden.mean()), seconds)


def _parts(task: str) -> list[tuple[Tensor, Tensor]]:
    """Return the samples ``[samples, ...]`` and classes to train on, and those to validate on."""
    if task == "rows":
        whole = snn.data.mnist5k().train
        data, takes = whole.data.flatten(0, 1), (1000, 1000)  # [samples, 28, 28]
    else:
        whole = snn.data.digits().train
        data, takes = whole.data.flatten(1), (len(whole), len(whole))
    indices = snn.data.stratified_split(whole.targets, share=0.25)
    shuffled = (part[torch.randperm(len(part), generator=torch.Generator().manual_seed(0))] for part in indices)
    return [(data[part[:take]], whole.targets[part[:take]]) for part, take in zip(shuffled, takes, strict=True)]


def _steps(settings: Settings, samples: Tensor) -> Tensor:
    """Return the input of each step, ``[T, batch, features]``."""
    if settings.task == "rows":
        return samples.transpose(0, 1)
    if settings.code == "rate":
        return snn.spikegen.rate(samples, num_steps=settings.num_steps)
    return samples.expand(settings.num_steps, *samples.shape)


def _net(settings: Settings) -> nn.Sequential:
    inputs, hidden, depth = (28 if settings.task == "rows" else 64), 100, (4 if settings.task == "deep" else 1)
    layers: list[nn.Module] = []
    for layer in range(depth):
        beta = torch.full((hidden,), settings.beta) if settings.learn_beta else settings.beta
        options: dict[str, Any] = {"spike_grad": settings.surrogate, "init_hidden": True}
        neuron = snn.Leaky(beta=beta, learn_beta=settings.learn_beta, **options)
        layers += [nn.Linear(hidden if layer else inputs, hidden), neuron]
    read_out = snn.Leaky(beta=0.9, reset_mechanism="none", threshold=float("inf"), init_hidden=True, output=True)
    net = nn.Sequential(*layers, nn.Linear(hidden, 10), read_out)
    if not settings.fluctuation:
        with torch.no_grad():
            for module in layers:  # the read-out's weights stay
                if isinstance(module, nn.Linear):
                    for parameter in module.parameters():
                        parameter *= settings.scale
    return net


if __name__ == "__main__":
    main(sys.argv[1:])
