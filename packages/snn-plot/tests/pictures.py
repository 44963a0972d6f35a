"""One call of every plot, and its small picture without text: ``python pictures.py`` writes those in ``baseline``."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import matplotlib.style
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.text import Text

import snn_plot

BASELINE = pathlib.Path(__file__).parent / "baseline"

STEPS, NEURONS = 23, 7
GENERATOR = torch.Generator().manual_seed(5)
SPK = (torch.rand(STEPS, NEURONS, generator=GENERATOR) < 0.3).float()
MEM = torch.randn(STEPS, NEURONS, generator=GENERATOR).cumsum(0) / 4
WEIGHT = torch.randn(STEPS, 8, generator=GENERATOR)
EVENTS = torch.randint(0, 3, (3, 2, 5, 7), generator=GENERATOR)
RATES = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 5, 7, 8]) / 8
MAPS = (torch.rand(9, 5, 34, 30, generator=GENERATOR) < 0.3).float()


def logistic(x: torch.Tensor) -> torch.Tensor:
    return torch.sigmoid(4 * x)


def integrate_and_fire(xs: torch.Tensor) -> torch.Tensor:
    return xs.cumsum(0).floor().diff(dim=0, prepend=torch.zeros_like(xs[:1]))


class Plot(NamedTuple):
    """A plot's arguments, its call on the caller's axes or on None, and the name of the argument."""

    data: Any
    draw: Callable[[Any, Axes | None], Any]
    name: str = "data"


def figure_of(ax: Axes | None) -> Any:
    return ax and ax.figure


PLOTS: dict[str, Plot] = {
    "animated_raster": Plot(SPK, lambda data, ax: snn_plot.animated_raster(data, ax)),
    "animator": Plot(
        torch.stack([WEIGHT, -WEIGHT], dim=1), lambda data, ax: snn_plot.animator(data, figure_of(ax), ax)
    ),
    "confusion_matrix": Plot(
        [[9, 1, 0], [2, 5, 3], [0, 0, 4]], lambda data, ax: snn_plot.confusion_matrix(data, ax=ax), "counts"
    ),
    "energy_bars": Plot(
        {"spiking": [2e-9, 5e-9, 1e-9], "float32": [8e-9, 1e-10, 3e-9]},
        lambda data, ax: snn_plot.energy_bars(data, ax=ax),
        "account",
    ),
    "event_frames": Plot(EVENTS, lambda data, ax: snn_plot.event_frames(data, ax=ax), "frames"),
    "fi_curve": Plot(
        [0.0, 0.2, 0.4, 0.6],
        lambda data, ax: snn_plot.fi_curve(integrate_and_fire, data, ax=ax, num_steps=50),
        "inputs",
    ),
    "isi_histogram": Plot(SPK, lambda data, ax: snn_plot.isi_histogram(data, ax=ax), "spk"),
    "population_activity": Plot(SPK, lambda data, ax: snn_plot.population_activity(data, ax=ax, window=3), "spk"),
    "raster": Plot(SPK, lambda data, ax: snn_plot.raster(data, ax)),
    "rate_heatmap": Plot(SPK, lambda data, ax: snn_plot.rate_heatmap(data, ax=ax, window=5), "spk"),
    "rate_histogram": Plot(RATES, lambda data, ax: snn_plot.rate_histogram(data, ax=ax, bins=4), "rates"),
    "rate_maps": Plot(MAPS, lambda data, ax: snn_plot.rate_maps(data, ax=ax), "spk"),
    "spike_count": Plot(SPK, lambda data, ax: snn_plot.spike_count(data, figure_of(ax), ax, range(NEURONS))),
    "surrogate_curve": Plot(MEM, lambda data, ax: snn_plot.surrogate_curve(logistic, ax=ax, mem=data), "mem"),
    "traces": Plot(MEM, lambda data, ax: snn_plot.traces(data, SPK, ax=ax, threshold=1.0)),
    "training_curve": Plot(
        {"loss": [3.0, 2.0, 1.5, 1.4]}, lambda data, ax: snn_plot.training_curve(data, ax=ax), "loss"
    ),
    "weights": Plot(WEIGHT, lambda data, ax: snn_plot.weights(data, ax=ax), "weight"),
}


def render(name: str, file: pathlib.Path, data: Any = None) -> None:
    """Draw a plot of `data`, or of its own, without text, whose pixels depend on the version of the font library."""
    with matplotlib.style.context("default"):
        figure = Figure(figsize=(2.2, 1.5), dpi=100)
        FigureCanvasAgg(figure)
        # 184 by 138 pixels, in which the cells of the images above end at the border of a pixel
        ax = figure.add_axes((10 / 220, 6 / 150, 184 / 220, 138 / 150))
        result = PLOTS[name].draw(PLOTS[name].data if data is None else data, ax)
        if isinstance(result, snn_plot.Animation):
            figure.canvas.draw()
            result.show(STEPS // 2)
        for axes in (ax, *ax.child_axes):
            axes.tick_params(labelleft=False, labelright=False, labelbottom=False)
        for artist in [*figure.findobj(Text), *figure.findobj(Legend)]:
            artist.set_visible(False)
        figure.savefig(file, metadata={"Software": None})


if __name__ == "__main__":
    BASELINE.mkdir(exist_ok=True)
    for each in PLOTS:
        render(each, BASELINE / f"{each}.png")
