"""The training step of a net whose surrogate has a support, beside the same net without: ``python -m bench --windows``.

Both nets have the weights that a short training left, and take turns, step by step.
"""

from __future__ import annotations

import argparse
import functools
import re
import statistics
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import snn_core as snn
from bench import machine, report
from bench.tables import NOTHING, Table, figure, milliseconds, ratios, spread
from marked import Part
from workspace import ROOT

WIDTHS = (1.0, 0.5, 0.25)
PAGE = ROOT / "docs/performance.md"
PART = Part(
    "<!-- sparse backward: written by tools/bench -->", "<!-- end of sparse backward -->", "docs/performance.md"
)
# the shares that ``explain`` names, of a sparse product and of one that stays dense
_USED = re.compile(r"gradient of its input(?: at the|, of which) ([\d.]+) %")
_CLASSES, _SAME = 8, 1e-4  # the two gradients differ by the rounding of sums in another order


@dataclass(frozen=True)
class Sizes:
    """The sizes of the net and its data."""

    steps: int = 500
    batch: int = 16
    neurons: int = 512
    layers: int = 4


class Trained:
    """A net of linear layers and Leaky neurons that tells random rates of its inputs apart, and its optimizer."""

    def __init__(self, surrogate: snn.surrogate.Surrogate, sizes: Sizes) -> None:
        torch.manual_seed(0)
        self.sizes = sizes
        layers = [
            [nn.Linear(sizes.neurons, sizes.neurons), snn.Leaky(beta=0.9, spike_grad=surrogate, init_hidden=True)]
            for _ in range(sizes.layers)
        ]
        self.net = nn.Sequential(*(module for pair in layers for module in pair))
        self.rates = 0.2 * torch.rand(_CLASSES, sizes.neurons)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=5e-4)

    def draw(self) -> tuple[Tensor, Tensor]:
        """Draw spikes ``[T, batch, neurons]`` and their classes."""
        labels = torch.randint(_CLASSES, (self.sizes.batch,))
        return torch.rand(self.sizes.steps, *self.rates[labels].shape).lt(self.rates[labels]).float(), labels

    def step(self, xs: Tensor, labels: Tensor) -> float:
        """Train for one step; return its loss."""
        self.optimizer.zero_grad()
        spk = snn.unroll(self.net, xs)
        scores = 100 * spk.mean(0).unflatten(-1, (_CLASSES, -1)).mean(-1)
        loss = nn.functional.cross_entropy(scores, labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()


def dense(width: float) -> snn.surrogate.Surrogate:
    """Return the triangular surrogate as a function of whose support nothing is known.

    Example:
        >>> x = torch.tensor([-1.0, 0.1], requires_grad=True)
        >>> dense(0.5)(x).sum().backward()
        >>> x.grad
        tensor([0.0000, 1.6000])
    """
    return snn.surrogate.custom_surrogate(functools.partial(_triangle, width))


def _triangle(width: float, x: Tensor, gradient: Tensor, spk: Tensor) -> Tensor:
    return gradient * (1 - x.abs() / width).clamp(min=0) / width


def measured(width: float, sizes: Sizes, training: int, rounds: int) -> dict[str, Any]:
    """Train a net, then time its steps and those of its dense twin in turns.

    Returns:
        The ``losses`` of so many steps of ``training``, the percentages of the gradients of spikes that are ``used``,
        one for each layer behind the first, and the ``seconds`` of the steps of both nets.

    Raises:
        RuntimeError: If the gradients of the two nets differ by more than rounding.
    """
    sparse, twin = Trained(snn.surrogate.triangular(width), sizes), Trained(dense(width), sizes)
    snn.init.fluctuation_(sparse.net, sparse.draw()[0][:50], rate=0.1)
    losses = [sparse.step(*sparse.draw()) for _ in range(training)]
    twin.net.load_state_dict(sparse.net.state_dict())
    batch = sparse.draw()
    _, schedule = snn.unroll(sparse.net, batch[0], explain=True)
    seconds: dict[str, list[float]] = {"sparse": [], "dense": []}
    for number in range(rounds + 1):
        for name, trained in (("sparse", sparse), ("dense", twin)):
            start = time.perf_counter()
            trained.step(*batch)
            seconds[name].append(time.perf_counter() - start)
        if number == 0:
            must_be_same(sparse.net, twin.net)
    used = [float(share) for share in _USED.findall(str(schedule))]
    return {"losses": losses, "used": used, "seconds": {name: times[1:] for name, times in seconds.items()}}


def must_be_same(net: nn.Module, twin: nn.Module) -> None:
    """Raise a RuntimeError if the gradients of two nets differ by more than rounding."""
    for sparse, dense in zip(_gradients(net), _gradients(twin), strict=True):
        difference = float((sparse - dense).abs().max() / dense.abs().max())
        if not difference <= _SAME:  # NaN too
            raise RuntimeError(f"sparse and dense gradients must be the same, but differ by {difference:.1g}")


def _gradients(net: nn.Module) -> list[Tensor]:
    return [parameter.grad for parameter in net.parameters() if parameter.grad is not None]


def table(results: dict[float, dict[str, Any]]) -> Table:
    """Make the table of measured nets by the width of their surrogate.

    Example:
        >>> seconds = {"sparse": [0.1, 0.2], "dense": [0.2, 0.4]}
        >>> table({0.5: {"losses": [2.0, 0.25], "used": [18.4, 22.6], "seconds": seconds}}).rows
        [['`triangular(0.5)`', '2.0 to 0.2', '18.4 to 22.6 %', '300 ms', '150 ms', '2 (2–2)']]
    """
    return Table("Sparse backward", _HEAD, [_row(width, result) for width, result in results.items()])


_HEAD = ["surrogate", "loss before, after training", "used gradients", "dense step", "sparse step", "times as fast"]


def _row(width: float, result: dict[str, Any]) -> list[str]:
    sparse, dense = result["seconds"]["sparse"], result["seconds"]["dense"]
    times = [f"{milliseconds(statistics.median(seconds))} ms" for seconds in (dense, sparse)]
    losses, used = result["losses"], result["used"]
    loss = f"{losses[0]:.1f} to {losses[-1]:.1g}"
    shares = f"{figure(min(used))} to {figure(max(used))} %" if used else NOTHING  # without kernels there are none
    return [f"`triangular({width:g})`", loss, shares, *times, spread(ratios(sparse, dense))]


def main(session: report.Session) -> None:
    """Measure a net for each width, print the table and, if asked for, write it into the page on performance."""
    parser = argparse.ArgumentParser(prog="nox -s bench -- --windows")
    parser.add_argument("--rounds", type=report.positive, default=15, help="steps that count (default: 15)")
    parser.add_argument("--training", type=report.positive, default=60, help="steps of training (default: 60)")
    parser.add_argument("--steps", type=report.positive, default=500, help="steps of a sequence (default: 500)")
    parser.add_argument("--threads", type=report.positive, default=1, help="threads of torch (default: 1)")
    parser.add_argument("--page", action="store_true", help="also write the table into docs/performance.md")
    options = parser.parse_args(session.words)
    torch.set_num_threads(options.threads)
    sizes = Sizes(steps=options.steps)
    results = {width: measured(width, sizes, options.training, options.rounds) for width in WIDTHS}
    text = table(results).markdown()
    print(text)
    if options.page:
        processor = machine.described()["processor"]
        ran = f"`{session.command}`, threads: {options.threads}, {processor}, {report.today()}."
        PART.write(PAGE, lambda: f"{text}\n\n{ran}")
