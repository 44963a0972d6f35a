"""The command ``snn export``, which writes a net as a file of another format."""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout

from snn.factory import importing_from
from snn.named_net import function_of, made_net, random_batch
from snn.whole_number import sizes, whole

__all__ = ["add_options", "main"]

_AXES = ("batch", "time")
_MOST_BYTES = 2**32  # the memory that a 32-bit processor addresses


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``snn export``."""
    parser.description = (
        "Export the net that a function makes, in evaluation mode, to a file that runs without snn; the states of its "
        "neurons are inputs and outputs. The exit code is 1 if the net cannot be exported, 2 if there is no net."
    )
    parser.add_argument("net", metavar="net.py:make_net", help="function that takes no arguments and makes a net")
    parser.add_argument("path", metavar="PATH", help="file to write")
    parser.add_argument("--format", required=True, metavar="FORMAT", help="torch, onnx, executorch, c or wasm")
    parser.add_argument(
        "--shape",
        required=True,
        type=_shape,
        metavar="B,...",
        help="shape of the input of a step, or T,B,... of a sequence",
    )
    parser.add_argument(
        "--over", choices=("step", "sequence"), default="step", help="what a call runs over (default step)"
    )
    parser.add_argument(
        "--dynamic", type=_axes, default=_AXES, metavar="AXES", help="sizes that may vary (default batch,time), or none"
    )
    for name, memory in (("ram", "states and scratch"), ("flash", "weights and other constants")):
        parser.add_argument(
            f"--{name}", type=whole(1, _MOST_BYTES), metavar="BYTES", help=f"for c and wasm: limit on {memory}"
        )


def main(options: argparse.Namespace) -> int:
    """Run ``snn export``.

    Returns:
        Exit code: 0 if the file is written, 1 if the net cannot be exported.

    Raises:
        CannotMake: If there is no net.
    """
    try:
        with redirect_stdout(sys.stderr):  # output of the user's code and of exporters
            _written(options)
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"snn export: {str(error).removeprefix('export: ')}", file=sys.stderr)
        return 1
    print(f"written: {options.path}")
    return 0


def _written(options: argparse.Namespace) -> None:
    export = function_of("export", "export")
    net, sample = made_net(options.net), random_batch(options.shape)
    budgets = {name: getattr(options, name) for name in ("ram", "flash") if getattr(options, name) is not None}
    how = {"format": options.format, "over": options.over, "dynamic": options.dynamic}
    with importing_from(options.net):
        export(net.eval(), sample, options.path, **how, **budgets)


def _shape(text: str) -> tuple[int, ...]:
    return sizes(text, least=1, expected="numbers of samples and of features")


def _axes(text: str) -> tuple[str, ...]:
    names = () if text == "none" else tuple(text.split(","))
    if not {*names} <= {*_AXES}:
        raise argparse.ArgumentTypeError(f"expected batch, time, batch,time or none, got {text!r}")
    return names
