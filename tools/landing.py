"""Draw the pictures of the first page: ``python tools/landing.py``.

One picture shows what the network of the page's own program does with a digit that it has not seen. The other has a bar
for each program of ``docs/benchmarks.md``: how many times faster ``unroll`` trains it than snnTorch's loop does.
"""

from __future__ import annotations

import contextlib
import io
import pathlib
import re
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure

import gallery
import pages
import snn
from workspace import ROOT

DOCS = ROOT / "docs"
FOLDER = "landing"
NUM_STEPS = 10
SHOWN = 3  # index of the digit, in the test set
DOTS_PER_INCH = 144
BLUE, GRAY = "#0072b2", "#8b949e"

_COLUMN = "snn, `unroll`"
_HEADING = "### How many times faster than the loop of snnTorch\n"


def build(folder: pathlib.Path) -> list[pathlib.Path]:
    """Draw both pictures into ``folder / "landing"``, and return their files."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    answer, faster = (folder / FOLDER / name for name in ("answer.png", "faster.svg"))
    program, *_ = pages.blocks((DOCS / "index.md").read_text(encoding="utf-8"))
    gallery.save_small(draw_answer(program.code), answer, DOTS_PER_INCH)
    # text is kept as text, and the same numbers give the same file
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "snn", "font.family": "sans-serif"}):
        figure = draw_bars(times_faster((DOCS / "benchmarks.md").read_text(encoding="utf-8")))
        figure.savefig(faster, metadata={"Date": None})
    plt.close("all")
    return [answer, faster]


def times_faster(page: str) -> dict[str, float]:
    """Read how many times faster ``unroll`` trains each program than snnTorch's loop, the largest ratio first."""
    table = page.partition(_HEADING)[2].partition("\n\n###")[0].strip().splitlines()
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in table)
    place = head.index(_COLUMN)
    ratios = {_what(row[0]): float(row[place].partition("×")[0]) for row in rows}
    return dict(sorted(ratios.items(), key=lambda ratio: -ratio[1]))


def draw_answer(program: str) -> Figure:
    """Run the program of the page, which defines ``net`` and ``test``, and draw what the net does with one digit."""
    torch.manual_seed(0)
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(program, names)
    image = names["test"].data[SHOWN : SHOWN + 1]
    with torch.no_grad(), snn.functional.probe.OutputMonitor(names["net"], snn.Leaky) as spikes:
        snn.unroll(names["net"], image.expand(NUM_STEPS, *image.shape))
        hidden, output = (torch.cat(spikes[name]) for name in spikes.monitored_layers)
    figure = plt.figure(figsize=(9, 2.7), layout="constrained")
    left, middle, right, last = figure.subplots(1, 4, width_ratios=(1, 1.6, 1.6, 1))
    left.imshow(image[0, 0].tolist(), cmap="gray_r")
    left.set(title="a digit", xticks=[], yticks=[])
    snn.plot.raster(hidden, middle, color=BLUE, s=6)
    middle.set(title=f"{hidden.shape[1]} hidden neurons", ylabel="")
    snn.plot.raster(output, right, color=BLUE, s=14)
    right.set(title="10 output neurons", ylabel="", yticks=range(10))
    counts = output.sum(0).tolist()
    last.barh(range(10), counts, color=[BLUE if count == max(counts) else GRAY for count in counts])
    last.set(title=f"predicted: {counts.index(max(counts))}", xlabel="Spikes", yticks=range(10), ylim=right.get_ylim())
    for ax in (middle, right, last):
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def draw_bars(ratios: dict[str, float]) -> Figure:
    """Draw a bar for the ratio of each program; the keys name what is trained."""
    figure = plt.figure(figsize=(8, 0.4 * len(ratios) + 0.9), layout="constrained")
    ax = figure.subplots()
    bars = ax.barh(
        list(ratios), list(ratios.values()), color=[BLUE if ratio > 1 else GRAY for ratio in ratios.values()]
    )
    ax.bar_label(bars, [f"{ratio:.3g}×" for ratio in ratios.values()], padding=4)
    ax.axvline(1, color="black", linewidth=0.8)
    ax.set_xlabel("Speedup of a training step with snn.unroll over snnTorch's loop")
    ax.set_xlim(0, 1.1 * max(ratios.values()))
    ax.invert_yaxis()
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(left=False)
    return figure


def _what(text: str) -> str:
    """Return the name of a program and what it trains, without further details."""
    name, _, net = text.partition(": ")
    return f"{name}: {re.split(r'[,;]', net)[0]}"


if __name__ == "__main__":
    print(*build(DOCS), sep="\n")
