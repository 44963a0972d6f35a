"""The command ``snn energy``: the costs of a net, compared with those of the ordinary network of its layers."""

from __future__ import annotations

import argparse
from typing import Any

from snn.named_net import function_of, made_net, named_batch, printed, running, shape

__all__ = ["add_options", "main"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``snn energy``."""
    parser.description = (
        "Run a net over a batch in evaluation mode, count its operations, its accesses to memory and their energy, "
        "and compare it with the ordinary network of the same layers. The exit code is 2 if the net does not run."
    )
    parser.add_argument("net", metavar="net.py:make_net", help="function that takes no arguments and makes a net")
    batch = parser.add_mutually_exclusive_group(required=True)
    batch.add_argument(
        "--batch",
        metavar="net.py:make_batch",
        help="function that makes a batch [num_steps, batch, ...], or a pair of a batch and lengths [batch]",
    )
    batch.add_argument(
        "--shape",
        type=shape,
        metavar="T,B,...",
        help="run over random numbers from 0 to 1; real data may cost less or more",
    )
    parser.add_argument(
        "--model", choices=("45nm", "45nm+memory"), default="45nm", help="cost model; only the second prices memory"
    )
    parser.add_argument("--json", action="store_true", help="print the account as JSON")


def main(options: argparse.Namespace) -> int:
    """Run ``snn energy`` and return 0."""
    return printed(lambda: _energy(options), options.json)


def _energy(options: argparse.Namespace) -> Any:
    energy = function_of("functional", "energy")
    net = made_net(options.net).eval()
    xs, lengths = named_batch(options, "lengths")
    with running(options.net, xs):
        return energy(net, xs, lengths=lengths, model=options.model)
