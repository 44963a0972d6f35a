"""Build the gallery page and its pictures from the code that the page shows: ``python docs/gallery.py``.

A function here is one picture: its docstring is the text, its body the program on the page, its arguments are
recordings that the first program of the page makes.
"""

from __future__ import annotations

import ast
import inspect
import io
import pathlib
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

import snn

DOTS_PER_INCH = 110
FILM_DOTS_PER_INCH = 80
# More colors than a plot needs, fewer than its blurred edges have: the files are a third as large.
COLORS = 128

INTRODUCTION = """\
# Gallery

Every plot of `snn.plot`, with the program that draws it. A plot draws on the matplotlib axes that it is given, labels
them with units, and returns them; animations are saved as GIF, WebP, animated PNG or HTML without ffmpeg. Colors stay
apart for readers with color-vision deficiency.

The programs below run one after the other, from this first one, with `snn[plot,spikegen]` installed. In a notebook they
show what they draw; in a file, end with `plt.show()`, `fig.savefig("raster.png")` or `film.save("film.gif")`:

"""


# the page shows these bodies, in lines of 80 columns at most
# fmt: off
def recordings() -> dict[str, Any]:
    """Make what the pictures show: leaky neurons under an input that comes and goes, and a bar seen by a camera."""
    generator = torch.Generator().manual_seed(0)
    dt, num_steps, neurons = 1e-3, 400, 40  # a step of 1 ms
    time = dt * torch.arange(num_steps)

    phase = torch.linspace(0, 2 * torch.pi, neurons)
    waves = 0.09 + 0.05 * torch.sin(2 * torch.pi * 5 * time[:, None] + phase)
    noise = 0.1 * torch.randn(num_steps, neurons, generator=generator)
    spk, states = snn.Leaky(beta=0.9).unroll(
        (waves + noise).unsqueeze(1), trace=True
    )
    # one sample of the batch: [time, neuron]
    spk, mem = spk[:, 0], states.mem[:, 0]

    columns = torch.arange(32)
    bar = (columns - 2 * torch.arange(16)[:, None]).remainder(32) < 5
    video = (bar[:, None] & (columns[:, None] > 5)).float()  # [time, height, width]
    change = snn.spikegen.delta(video, threshold=0.5, off_spike=True)
    return locals()


def raster(spk: Tensor, dt: float) -> Any:
    """One mark a spike. `order` sorts the neurons, `labels` names them."""
    fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
    snn.plot.raster(spk, ax, dt=dt)
    return fig


def traces(spk: Tensor, mem: Tensor, dt: float) -> Any:
    """Membrane potentials with threshold and spikes; `dim=(3, 3)` draws a grid of neurons, as in snnTorch."""
    fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
    snn.plot.traces(
        mem[:200, :2],
        spk[:200, :2],
        ax=ax,
        threshold=1.0,
        dt=dt,
        labels=["neuron 0", "neuron 1"],
    )
    ax.set_ylim(top=1.6)
    ax.legend(loc="upper left", ncols=3)
    return fig


def spike_count(spk: Tensor, dt: float) -> Any:
    """Plot the rate of each output neuron."""
    fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
    snn.plot.spike_count(spk[:, :8], fig, ax, labels=range(8), dt=dt)
    return fig


def rate_heatmap(spk: Tensor, dt: float) -> Any:
    """Firing rates over time, for recordings with too many spikes for a raster."""
    fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
    snn.plot.rate_heatmap(spk, ax=ax, dt=dt, window=20)
    return fig


def population_activity(spk: Tensor, dt: float) -> Any:
    """Plot how many neurons of a population spike in each step; a second call on the same axes compares two."""
    fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
    snn.plot.population_activity(
        spk[:, :20], ax=ax, dt=dt, window=10, label="neurons 0 to 19"
    )
    snn.plot.population_activity(
        spk[:, 20:],
        ax=ax,
        dt=dt,
        window=10,
        label="neurons 20 to 39",
        color="#D55E00",
    )
    ax.set_ylim(top=100)
    ax.legend(ncols=2)
    return fig


def isi_histogram(spk: Tensor, dt: float) -> Any:
    """The times between successive spikes of a neuron."""
    fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
    snn.plot.isi_histogram(spk, ax=ax, dt=dt)
    return fig


def rate_histogram(spk: Tensor, dt: float) -> Any:
    """Plot how a layer's neurons share the spikes. Here a tenth of them got no input and two got too much."""
    fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
    rates = spk.mean(dim=0)
    rates[:4], rates[-2:] = 0, 1
    snn.plot.rate_histogram(rates, ax=ax, dt=dt)
    return fig


def rate_maps() -> Any:
    """Plot the places where each channel of a convolution spikes: four edge detectors that see a disc."""
    fig, ax = plt.subplots(figsize=(8, 2.6), layout="constrained")
    x = torch.arange(32) - 15.5
    disc = ((x**2 + x[:, None] ** 2).sqrt() / 12).neg().add(1).clamp(0, 0.2) * 5
    edge = torch.tensor([[-1.0, 0.0, 1.0]]).expand(3, 3)
    kernels = torch.stack([edge, -edge, edge.T, -edge.T]).unsqueeze(1) / 6
    seen = torch.nn.functional.conv2d(disc[None, None], kernels)
    spikes, _ = snn.Leaky(beta=0.9).unroll(seen.expand(50, 1, -1, -1, -1))
    snn.plot.rate_maps(spikes[:, 0], ax=ax, columns=4)
    return fig


def surrogate_curve(mem: Tensor) -> Any:
    """Surrogate gradients, and the membranes that they meet: those under a flat part of a curve learn nothing."""
    fig, ax = plt.subplots(figsize=(8, 3.4), layout="constrained")
    surrogates = {
        "atan": snn.surrogate.atan(),
        "fast_sigmoid": snn.surrogate.fast_sigmoid(slope=10),
    }
    snn.plot.surrogate_curve(surrogates, ax=ax, mem=mem, threshold=1.0)
    return fig


def fi_curve(dt: float) -> Any:
    """Firing rate over constant input, of any function that turns inputs into spikes."""
    fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
    neurons = {
        f"β = {beta}": snn.Leaky(beta=beta).unroll for beta in (0.8, 0.9, 0.95)
    }
    snn.plot.fi_curve(neurons, torch.linspace(0, 0.5, 101), ax=ax, dt=dt)
    return fig


def weights() -> Any:
    """The weights of a dense layer or of a convolution, on a scale that is symmetric about 0."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
    torch.manual_seed(0)
    snn.plot.weights(torch.nn.Linear(40, 10).weight, ax=left)

    y, x = torch.meshgrid(
        torch.linspace(-1, 1, 9), torch.linspace(-1, 1, 9), indexing="ij"
    )
    angle = torch.linspace(0, 2.4, 4).reshape(4, 1, 1, 1)
    shift = torch.tensor([0.0, 1.6]).reshape(2, 1, 1)
    kernels = torch.exp(-2 * (x**2 + y**2)) * torch.cos(
        5 * (x * torch.cos(angle) + y * torch.sin(angle)) + shift
    )
    snn.plot.weights(kernels, ax=right)
    return fig


def event_frames(change: Tensor) -> Any:
    """Frames of an event camera, here of a bar that moves to the right: ON events before it, OFF events behind it."""
    fig, ax = plt.subplots(figsize=(8, 3.4), layout="constrained")
    snn.plot.event_frames(
        torch.stack([change < 0, change > 0], dim=1),
        ax=ax,
        dt=0.02,
        steps=range(3, 11),
    )
    return fig


def energy_bars() -> Any:
    """Plot the energy of each layer, by `snn.energy` or your own numbers, beside ordinary networks."""
    fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
    nets = {
        "spiking": [7.6e-9, 23.8e-9, 1.9e-9, 1.2e-9],
        "ordinary float32": [59.1e-9, 0.2e-9, 9.2e-9, 0],
    }
    snn.plot.energy_bars(
        nets, ax=ax, labels=["1 Linear", "2 Leaky", "3 Linear", "4 Leaky"]
    )
    return fig


def training_curve() -> Any:
    """A loss or an accuracy over the epochs."""
    fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
    epochs = torch.arange(20)
    losses = {
        "training": 2.3 * torch.exp(-epochs / 4) + 0.05,
        "validation": 2.2 * torch.exp(-epochs / 4) + 0.2,
    }
    snn.plot.training_curve(losses, ax=ax, ylabel="Loss (cross entropy)")
    return fig


def confusion_matrix() -> Any:
    """Plot which class was taken for which."""
    fig, ax = plt.subplots(figsize=(4, 3.4), layout="constrained")
    snn.plot.confusion_matrix(
        [[47, 2, 1], [4, 41, 5], [0, 3, 17]], ax=ax, labels=["cat", "dog", "owl"]
    )
    return fig


def animated_raster(spk: Tensor, dt: float) -> Any:
    """A raster that grows with time. `film.save("film.gif")` writes it to a file; a notebook shows `film` by itself."""
    fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
    return snn.plot.animated_raster(spk, ax, dt=dt, steps_per_frame=10)


def animator(video: Tensor) -> Any:
    """Image-shaped spikes or membranes of one sample."""
    fig, ax = plt.subplots(figsize=(3, 3), layout="constrained")
    return snn.plot.animator(video, fig, ax, interval=100)


def spike_count_animated(spk: Tensor) -> Any:
    """The spike count as it grows, from `spike_count` with `animate=True`."""
    fig, ax = plt.subplots(figsize=(8, 3), layout="constrained")
    return snn.plot.spike_count(
        spk[:50, :8], fig, ax, labels=range(8), animate=True
    )


# fmt: on
PICTURES: list[Callable[..., Any]] = [
    raster,
    traces,
    spike_count,
    rate_heatmap,
    population_activity,
    isi_histogram,
    rate_histogram,
    rate_maps,
    surrogate_curve,
    fi_curve,
    weights,
    event_frames,
    energy_bars,
    training_curve,
    confusion_matrix,
    animated_raster,
    animator,
    spike_count_animated,
]


def build(folder: pathlib.Path) -> pathlib.Path:
    """Write the page and its pictures.

    Args:
        folder: Where ``gallery.md`` and the folder ``gallery`` go.

    Returns:
        The page.

    Example:
        ``build(pathlib.Path("docs"))``
    """
    (folder / "gallery").mkdir(parents=True, exist_ok=True)
    page = INTRODUCTION + _block(_imports() + "\n" + _body(recordings))
    made = recordings()
    for picture in PICTURES:
        name = picture.__name__
        drawn = picture(**{argument: made[argument] for argument in inspect.signature(picture).parameters})
        film = isinstance(drawn, snn.plot.Animation)
        file = folder / "gallery" / f"{name}.{'webp' if film else 'png'}"
        if film:
            drawn.save(file, dpi=FILM_DOTS_PER_INCH)
        else:
            _save_small(drawn, file)
        plt.close("all")
        text = inspect.getdoc(picture)
        page += f"\n## {name}\n\n{text}\n\n![{name}](gallery/{file.name})\n\n{_block(_body(picture))}"
    (folder / "gallery.md").write_text(page, encoding="utf-8")
    return folder / "gallery.md"


def _save_small(figure: Figure, file: pathlib.Path) -> None:
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=DOTS_PER_INCH)
    Image.open(drawn).convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(file, optimize=True)


def _block(program: str) -> str:
    return f"```python\n{program}```\n"


def _imports() -> str:
    """Return what the programs of the page import beyond the standard library."""
    nodes = [
        node
        for node in ast.parse(pathlib.Path(__file__).read_text(encoding="utf-8")).body
        if isinstance(node, ast.Import)
    ]
    wanted = [node for node in nodes if node.names[0].name.split(".")[0] not in sys.stdlib_module_names]
    return "".join(f"{ast.unparse(node)}\n" for node in wanted)


def _body(function: Callable[..., Any]) -> str:
    """The lines of a function after its docstring; an animation that it returns is kept in a variable."""
    lines = inspect.getsource(function).splitlines(keepends=True)
    (definition,) = ast.parse("".join(lines)).body
    assert isinstance(definition, ast.FunctionDef)
    docstring, *_, returned = definition.body
    shown = lines[docstring.end_lineno : returned.lineno - 1]
    if isinstance(returned, ast.Return) and not isinstance(returned.value, ast.Name) and function is not recordings:
        shown += [line.replace("return ", "film = ") for line in lines[returned.lineno - 1 :]]
    return textwrap.dedent("".join(shown))


if __name__ == "__main__":
    print(build(pathlib.Path(__file__).parent))
