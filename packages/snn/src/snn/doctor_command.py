"""The command ``snn doctor``, for the installation, for a net, or for the kernels on a GPU."""

from __future__ import annotations

import argparse
import json
import operator
import sys
from contextlib import redirect_stdout
from typing import Any

from snn.factory import CannotMake
from snn.named_net import function_of, made_net, named_batch, running, shape

__all__ = ["add_options", "main"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``snn doctor``."""
    parser.description = (
        "Say what is installed and whether it fits together. With the name of a function that makes a net: run the "
        "net over a batch and say what keeps it from learning. With --gpu: test the kernels on the GPUs of this "
        "machine. The exit code is 1 if there are errors, 2 if the net or the test does not run, 3 if there is no GPU."
    )
    parser.add_argument(
        "net", nargs="?", metavar="net.py:make_net", help="function that takes no arguments and makes a net"
    )
    batch = parser.add_mutually_exclusive_group()
    batch.add_argument(
        "--batch",
        metavar="net.py:make_batch",
        help="function that makes a batch [num_steps, batch, ...], or a pair of a batch and labels [batch]",
    )
    batch.add_argument(
        "--shape", type=shape, metavar="T,B,...", help="run over random numbers from 0 to 1 of this shape"
    )
    parser.add_argument(
        "--own-loop", action="store_true", help="the net takes the whole batch and loops over its steps"
    )
    parser.add_argument("--gpu", action="store_true", help="test the kernels of snn-triton on the GPUs of this machine")
    parser.add_argument("--json", action="store_true", help="print the diagnosis as JSON")


def main(options: argparse.Namespace) -> int:
    """Run ``snn doctor``.

    Returns:
        Exit code: 0 if all is well, 1 if something is wrong, 2 if the kernels cannot be tested, 3 if there is no GPU.

    Raises:
        CannotMake: If the options do not go together, or the net or its batch cannot be made or run.
    """
    of_a_net = options.net or options.batch or options.shape or options.own_loop
    if options.gpu:
        if of_a_net:
            raise CannotMake("--gpu tests the kernels, not a net; run snn doctor --gpu alone")
        return _gpu(options)
    if options.net is None:
        if of_a_net:
            words = "--batch, --shape and --own-loop need a net"
            raise CannotMake(f"{words}: snn doctor net.py:make_net --shape T,B,...")
        return _installation(options)
    if not options.batch and not options.shape:
        raise CannotMake("a net is run over a batch: add --batch net.py:make_batch, or --shape T,B,...")
    # output of the user's code does not belong to the diagnosis
    with redirect_stdout(sys.stderr):
        result = _net(options)
    print(json.dumps(result.to_dict(), indent=2) if options.json else result)
    return 0 if result.ok else 1


def _installation(options: argparse.Namespace) -> int:
    from snn.doctor import diagnose

    result = diagnose()
    print(json.dumps(result.to_dict(), indent=2) if options.json else result)
    return 1 if result.problems else 0


def _gpu(options: argparse.Namespace) -> int:
    from snn.doctor_gpu import look

    with redirect_stdout(sys.stderr):  # output of a compiler of kernels does not belong to the diagnosis
        result = look()
    if options.json:
        print(json.dumps(result.to_dict(), indent=2))
    elif result.gpus:
        print(result)
    else:
        print(f"snn doctor: {result}", file=sys.stderr)
    return result.code


def _net(options: argparse.Namespace) -> Any:
    diagnose = function_of("functional", "diagnose")
    net = made_net(options.net)
    batch, targets = named_batch(options, "labels")
    loop = "\nif the net has no loop over the steps of its own, leave out --own-loop" if options.own_loop else ""
    with running(options.net, batch, loop):
        return diagnose(net, batch, targets, run=operator.call if options.own_loop else None)
