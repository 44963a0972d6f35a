"""Run trained nets of ``snn_data.zoo`` on emulated boards, and write the table of ``docs/microcontroller.md``.

``nox -s deploy -- --page``; the figures are those of the compiler and the emulator of this machine.
"""

from __future__ import annotations

import pathlib
import runpy
import tempfile
from typing import NamedTuple

import torch
from torch import Tensor, nn

import snn
from bench.tables import Table
from in_c.boards import BOARDS, FOLDER, Measured, on_board
from marked import Part
from snn.functional import quant
from workspace import ROOT

PAGE = ROOT / "docs" / "microcontroller.md"
PART = Part("<!-- table: written by tools/boards.py -->", "<!-- end of the table -->", PAGE.name)
rounded = runpy.run_path(str(FOLDER / "rounding.py"))["rounded"]
MEMBRANES = quant.fixed_point(num_bits=12, fraction_bits=6)
# the grid of the input of each net in integers, and None for the net in floats
NETS = {
    ("digits", "float"): None,
    ("digits", "int8"): quant.fixed_point(num_bits=6, fraction_bits=4),
    ("mnist5k", "float"): None,
    ("mnist5k", "int8"): quant.fixed_point(num_bits=9, fraction_bits=7),
    ("vowels", "float"): None,
}
SAMPLES = 10  # replayed on the boards


class Deployed(NamedTuple):
    """Result of a net: its accuracy on the test set, the bytes of its state, and what each board measured."""

    right: float
    ram: int
    boards: tuple[Measured, ...]


def net_and_inputs(name: str, numbers: str) -> tuple[nn.Module, Tensor]:
    """Return a net of the zoo in floats or integers, and the inputs of its test set ``[T, samples, ...]``."""
    net, xs, grid = snn.zoo.load(name), snn.zoo.samples(name).data, NETS[name, numbers]
    if grid is None:
        return net, xs
    return quant.integer(rounded(net, MEMBRANES), inputs=grid), grid.integers(xs)


def deployed(name: str, numbers: str) -> Deployed:
    """Replay samples on every board; an AssertionError says which output is not that of PyTorch."""
    net, xs = net_and_inputs(name, numbers)
    _, targets, lengths, _ = snn.zoo.samples(name)
    with torch.no_grad():
        answers = snn.unroll(net, xs, lengths=lengths).sum(0).argmax(1)
    with tempfile.TemporaryDirectory() as base:
        folder = pathlib.Path(base) / "c"
        recorded = xs[: int(lengths[:SAMPLES].min()), :SAMPLES]
        export = snn.export(net, xs[0], folder / "net.c", format="c", recorded=recorded)
        boards = tuple(on_board(board, folder) for board in BOARDS)
    return Deployed((answers == targets).double().mean().item(), export.report.ram, boards)


def table(results: dict[tuple[str, str], Deployed]) -> str:
    """Return the table of the page."""
    processors = [board.processor for board in BOARDS]
    middle = processors.index("Cortex-M4")
    head = ["net", "numbers", "test accuracy", "flash", "state", "stack", *processors]
    rows = [
        [
            *names,
            f"{100 * net.right:.1f} %",
            *(f"{number:,}" for number in (net.boards[middle].flash, net.ram, net.boards[middle].stack)),
            *(f"{board.instructions:,}" for board in net.boards),
        ]
        for names, net in results.items()
    ]
    return Table("", head, rows).markdown()


if __name__ == "__main__":
    PART.write(PAGE, lambda: table({names: deployed(*names) for names in NETS}))
