"""The pictures of the report, as PNG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import snn
from snn.demo.network import Recording

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

__all__ = ["confusion", "history", "membranes", "spikes"]

DOTS_PER_INCH = 160
# Neurons whose membranes are drawn: more lines cannot be told apart.
HIDDEN_SHOWN = 3


def history(series: dict[str, list[float]]) -> bytes:
    """Draw loss and accuracy over the epochs.

    Args:
        series: ``loss`` and ``accuracy`` of each epoch.

    Returns:
        A PNG.

    Example:
        >>> history({"loss": [2.0, 1.0], "accuracy": [0.2, 0.8]})[1:4]
        b'PNG'
    """
    figure = _figure(10, 3.4)
    left, right = figure.subplots(1, 2)
    snn.plot.training_curve(series["loss"], ax=left, ylabel="Loss (cross entropy of spike counts)")
    percent = [100 * one for one in series["accuracy"]]
    snn.plot.training_curve(percent, ax=right, ylabel="Training accuracy (%)")
    return _png(figure)


def spikes(image: Tensor, recording: Recording) -> bytes:
    """Draw an image, and the spikes of all neurons while the network looks at it.

    Args:
        image: ``[1, 8, 8]``.
        recording: What the neurons did.

    Returns:
        A PNG.

    Example:
        >>> import torch
        >>> spk = torch.ones(5, 10)
        >>> spikes(torch.rand(1, 8, 8), Recording(spk, spk, spk, spk, spk))[1:4]
        b'PNG'
    """
    figure = _figure(10, 3.6)
    shown, inputs, hidden, outputs = figure.subplots(1, 4, width_ratios=[1, 1.3, 1.3, 1.3])
    shown.imshow(image[0].tolist(), cmap="gray_r", vmin=0, vmax=1)
    shown.set(title="Image", xlabel="Column (pixel)", ylabel="Row (pixel)")
    for ax, spk, title in (
        (inputs, recording.input_spk, "Input spikes"),
        (hidden, recording.hidden_spk, "Hidden spikes"),
        (outputs, recording.output_spk, "Output spikes"),
    ):
        snn.plot.raster(spk, ax)
        ax.set_title(title)
    inputs.set_ylabel("Pixel")
    outputs.set_ylabel("Digit")
    outputs.set_yticks(range(recording.output_spk.shape[1]))
    return _png(figure)


def membranes(recording: Recording, thresholds: tuple[float, float], digit: int) -> bytes:
    """Draw the membrane potentials of the most active hidden neurons and of the outputs that matter most.

    Args:
        recording: What the neurons did.
        thresholds: Firing threshold of the hidden and of the output neurons.
        digit: The image's true digit; it is drawn with the outputs that spiked most beside it.

    Returns:
        A PNG.

    Example:
        >>> import torch
        >>> spk = torch.ones(5, 10)
        >>> membranes(Recording(spk, spk, spk, spk, spk), (1.0, 1.0), digit=3)[1:4]
        b'PNG'
    """
    figure = _figure(10, 3.6)
    left, right = figure.subplots(1, 2)
    busiest = recording.hidden_spk.sum(0).topk(HIDDEN_SHOWN).indices.tolist()
    drives = recording.output_mem.mean(0)
    # the true digit, the most driven other two
    others = [one for one in drives.topk(HIDDEN_SHOWN).indices.tolist() if one != digit]
    shown = [digit, *others[: HIDDEN_SHOWN - 1]]
    for ax, neurons, mem, spk, threshold, noun in (
        (left, busiest, recording.hidden_mem, recording.hidden_spk, thresholds[0], "Neuron"),
        (right, shown, recording.output_mem, recording.output_spk, thresholds[1], "Digit"),
    ):
        names = [f"{noun} {one}" for one in neurons]
        snn.plot.traces(mem[:, neurons], spk[:, neurons], ax=ax, threshold=threshold, labels=names)
        ax.set_ylabel("Membrane potential (input units)")
    left.set_title("Hidden neurons that fire most")
    right.set_title(f"Output neurons, true digit {digit}")
    return _png(figure)


def confusion(counts: list[list[int]]) -> bytes:
    """Draw which digit was read as which.

    Args:
        counts: Samples, one row a true digit, one column a digit read.

    Returns:
        A PNG.

    Example:
        >>> confusion([[9, 1], [0, 5]])[1:4]
        b'PNG'
    """
    figure = _figure(5, 4.8)
    ax = snn.plot.confusion_matrix(counts, ax=figure.subplots())
    ax.set(xlabel="Digit read", ylabel="True digit")
    return _png(figure)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH)
    # the share of an axes' width that stays free beside its labels
    figure.set_layout_engine("constrained", wspace=0.08)
    return figure


def _png(figure: Figure) -> bytes:
    target = io.BytesIO()
    figure.savefig(target, format="png")
    return target.getvalue()
