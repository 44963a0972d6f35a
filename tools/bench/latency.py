"""The time of one step in a stream, in percentiles: ``python -m bench --latency``.

A stream and the bare loop over the same net take turns, step by step.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

import snn_core as snn
from bench import report
from bench.tables import Table

_SHARES = (0.50, 0.95, 0.99)
_FIRST = 100  # steps that do not count


def _leaky() -> nn.Module:
    return snn.Leaky(beta=0.9, init_hidden=True)


NETS: dict[str, tuple[Callable[[], list[nn.Module]], tuple[int, ...]]] = {
    "Linear(128,128)-LIF": (lambda: [nn.Linear(128, 128), _leaky()], (128,)),
    "Linear(700,256)-recurrent LIF-Linear(256,20)-LIF": (
        lambda: [
            nn.Linear(700, 256),
            snn.RLeaky(beta=0.9, linear_features=256, init_hidden=True),
            nn.Linear(256, 20),
            _leaky(),
        ],
        (700,),
    ),
    "Conv2d(1,8,5)-MaxPool-LIF-Conv2d(8,16,5)-MaxPool-LIF-Linear-LIF": (
        lambda: [
            *(nn.Conv2d(1, 8, 5), nn.MaxPool2d(2), _leaky()),
            *(nn.Conv2d(8, 16, 5), nn.MaxPool2d(2), _leaky()),
            *(nn.Flatten(), nn.Linear(256, 10), _leaky()),
        ],
        (1, 28, 28),
    ),
}
"""The layers of nets by title, each with the shape of one sample of one step."""


def measured(net: nn.Module, xs: Tensor) -> dict[str, list[float]]:
    """Return the seconds of every step after the first 100, of a stream and of the loop, which take turns.

    Raises:
        ValueError: If there are no more than 100 steps.
    """
    if len(xs) <= _FIRST:
        raise ValueError(f"latency is measured after the first {_FIRST} steps, but xs has {len(xs)} steps; pass more")
    run = snn.stream(net)
    snn.utils.reset(net)
    times: dict[str, list[float]] = {"stream": [], "loop": []}
    with torch.inference_mode():
        for x in xs:
            for name, step in (("stream", run), ("loop", net)):
                start = time.perf_counter()
                step(x)
                times[name].append(time.perf_counter() - start)
    snn.utils.reset(net)
    return {name: seconds[_FIRST:] for name, seconds in times.items()}


def table(times: dict[str, dict[str, list[float]]]) -> Table:
    """Make a table of percentiles in microseconds: times that such a share of the steps does not exceed.

    Example:
        >>> table({"net": {"stream": [2e-6, 1e-6, 3e-6], "loop": [1e-6]}}).rows
        [['net', '2', '3', '3', '1', '1', '1']]
    """
    rows = []
    for title, result in times.items():
        percentiles = [np.quantile(result[way], _SHARES, method="inverted_cdf") for way in ("stream", "loop")]
        rows.append([title, *(f"{1e6 * value:.0f}" for values in percentiles for value in values)])
    return Table("Latency", ["one step, batch 1, µs", "stream p50", "p95", "p99", "loop p50", "p95", "p99"], rows)


def main(session: report.Session) -> None:
    """Measure every net and print the table."""
    parser = argparse.ArgumentParser(prog="nox -s bench -- --latency")
    parser.add_argument("--steps", type=report.positive, default=5000, help="steps of each net (default: 5000)")
    parser.add_argument("--threads", type=report.positive, default=1, help="threads of torch (default: 1)")
    options = parser.parse_args(session.words)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    times = {
        title: measured(nn.Sequential(*make()), (torch.rand(options.steps, 1, *shape) < 0.1).float())
        for title, (make, shape) in NETS.items()
    }
    print(f"{options.steps} steps, {options.threads} thread(s)\n\n{table(times).markdown()}")
