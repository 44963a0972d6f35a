"""The command ``snn bench``: the speed of a net, step by step and with ``unroll``."""

from __future__ import annotations

import argparse
from typing import Any

from snn.named_net import made_net, printed, random_batch, running, shape
from snn.whole_number import MOST_THREADS, whole

__all__ = ["add_options", "main"]

_MOST_REPEATS = 1000


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``snn bench``."""
    parser.description = (
        "Time a net on random numbers, in a loop over its steps and in unroll, forward and backward, with the memory "
        "that each keeps for the backward pass and the operations on which unroll spends its time. "
        "The exit code is 2 if the net does not run."
    )
    parser.add_argument("net", metavar="net.py:make_net", help="function that takes no arguments and makes a net")
    parser.add_argument(
        "--shape", type=shape, required=True, metavar="T,B,...", help="shape of the input: steps, samples, features"
    )
    parser.add_argument(
        "--repeats", type=whole(1, _MOST_REPEATS), default=5, help="how many times each pass is timed (default 5)"
    )
    parser.add_argument(
        "--threads", type=whole(1, MOST_THREADS), default=1, help="number of torch's threads (default 1)"
    )
    parser.add_argument("--json", action="store_true", help="print the times as JSON")


def main(options: argparse.Namespace) -> int:
    """Run ``snn bench`` and return 0."""
    return printed(lambda: _times(options), options.json)


def _times(options: argparse.Namespace) -> Any:
    net = made_net(options.net)
    from snn.bench import bench
    from snn.threads import computing_on

    xs = random_batch(options.shape)
    with running(options.net, xs), computing_on(options.threads):
        return bench(net, xs, repeats=options.repeats)
