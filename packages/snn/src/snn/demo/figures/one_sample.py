"""Pictures of one sample, and of what each layer of neurons did with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

import snn
from snn.demo.figures.drawing import WIDTH, Picture, axes, finished
from snn.demo.recording import LayerRecording, Recording

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["fed", "maps", "membranes", "sample", "spikes"]

# Neurons whose membranes are drawn: more lines cannot be told apart.
NEURONS_SHOWN = 3


def sample(recording: Recording) -> Picture:
    """Draw the sample that the network is shown.

    Example:
        >>> sample(Recording(torch.rand(1, 8, 8), 1, 1, ("a", "b"), torch.rand(5, 64), "image", ())).alt
        'Image of 8 by 8 pixels, of class b'
    """
    ax = axes()
    name = recording.classes[recording.target]
    if recording.kind == "image":
        _, height, width = recording.sample.shape
        ax.imshow(recording.sample[0].tolist(), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xlabel="Column (pixel)", ylabel="Row (pixel)")
        return finished(ax, f"Image of {height} by {width} pixels, of class {name}")
    frames, channels = recording.sample.shape
    _lines(ax, recording.sample, "Frame")
    return finished(ax, f"Sequence of {frames} frames in {channels} channels, of class {name}")


def fed(recording: Recording) -> Picture | None:
    """Draw the input of the network, if it differs from the sample.

    Returns:
        The picture, or None if each step's input is the image, or the frame of the sequence.

    Example:
        >>> image = torch.rand(1, 8, 8)
        >>> fed(Recording(image, 1, 1, ("a", "b"), image.expand(5, 1, 8, 8), "image", ())) is None
        True
    """
    values = recording.input.flatten(1)
    shown = recording.sample.flatten() if recording.kind == "image" else recording.sample
    if shown.shape in (values.shape, values.shape[1:]) and torch.equal(shown.expand_as(values), values):
        return None
    ax = axes()
    steps, channels = values.shape
    if ((values == 0) | (values == 1)).all():
        snn.plot.raster(values, ax)
        ax.set_ylabel("Input")
        return finished(ax, f"Raster of {int(values.sum())} spikes of {channels} inputs over {steps} steps")
    _lines(ax, values, "Time step")
    return finished(ax, f"{channels} inputs over {steps} steps")


def spikes(layer: LayerRecording, classes: Sequence[str] = ()) -> Picture:
    """Draw the spikes of each neuron of a layer over time.

    Example:
        >>> spk = torch.eye(5)
        >>> spikes(LayerRecording("hidden", spk, spk, torch.tensor(1.0))).alt
        'Raster of layer hidden: 5 spikes of 5 neurons over 5 steps'
    """
    ax = axes()
    spk = layer.spk.flatten(1)
    snn.plot.raster(spk, ax, labels=classes or None)
    if classes:
        ax.set_ylabel("Output neuron")
    elif layer.spk.dim() > 2:
        ax.set_ylabel("Neuron, channel after channel")
    count = f"{int((spk != 0).sum())} spikes of {spk.shape[1]} neurons over {len(spk)} steps"
    return finished(ax, f"Raster of layer {layer.name}: {count}")


def maps(layer: LayerRecording) -> Picture:
    """Draw maps of the firing rates of a convolution's neurons.

    Example:
        >>> spk = torch.ones(5, 3, 4, 4)
        >>> maps(LayerRecording("first", spk, spk, torch.tensor(1.0))).alt
        'Firing rates of layer first: 3 maps of 4 by 4 neurons'
    """
    ax = snn.plot.rate_maps(layer.spk, ax=axes())
    rows, columns = ax.images[0].get_size()
    # as high as the sheet of maps and the text around it need
    ax.figure.canvas.figure.set_figheight(0.72 * WIDTH * rows / columns + 0.7)
    _, channels, height, width = layer.spk.shape
    return finished(ax, f"Firing rates of layer {layer.name}: {channels} maps of {height} by {width} neurons")


def membranes(layer: LayerRecording, recording: Recording) -> Picture:
    """Draw the membrane potentials of the busiest neurons of a layer, or of the outputs that matter most.

    Returns:
        The picture; potentials are in units of the layer's input or, where the neurons differ in their thresholds, in
        thresholds.

    Example:
        >>> spk = torch.eye(5)
        >>> layer = LayerRecording("hidden", spk, 2 * spk, torch.tensor(1.0))
        >>> membranes(layer, Recording(spk[:1], 1, 1, tuple("abcde"), spk, "sequence", (layer,))).alt
        'Membrane potentials of 3 neurons of layer hidden over 5 steps: b, a, c'
    """
    spk, mem = layer.spk.flatten(1), layer.mem.flatten(1)
    threshold = layer.threshold.expand(layer.mem.shape[1:]).flatten()
    if layer is recording.layers[-1]:
        most_driven = mem.mean(0).argsort(descending=True, stable=True).tolist()
        neurons = [recording.target, *(neuron for neuron in most_driven if neuron != recording.target)][:NEURONS_SHOWN]
        names = [recording.classes[neuron] for neuron in neurons]
    else:
        neurons = spk.sum(0).argsort(descending=True, stable=True)[:NEURONS_SHOWN].tolist()
        names = [f"neuron {neuron}" for neuron in neurons]
    threshold = threshold[neurons]
    ax = axes()
    if (threshold == threshold[0]).all():
        snn.plot.traces(mem[:, neurons], spk[:, neurons], ax=ax, threshold=threshold[0].item(), labels=names)
        ax.set_ylabel("Membrane potential (input units)")
    else:
        snn.plot.traces(mem[:, neurons] / threshold, spk[:, neurons], ax=ax, threshold=1.0, labels=names)
        ax.set_ylabel("Membrane potential (thresholds)")
    # above the axes, where it hides no line
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    alt = f"Membrane potentials of {len(neurons)} neurons of layer {layer.name} over {len(mem)} steps"
    return finished(ax, f"{alt}: {', '.join(names)}")


def _lines(ax: Axes, values: Tensor, xlabel: str) -> None:
    """Draw one line per channel; a legend would take the space of several of them."""
    snn.plot.traces(values, ax=ax)
    ax.set(xlabel=xlabel, ylabel=f"Value, a line for each of {values.shape[1]} channels")
