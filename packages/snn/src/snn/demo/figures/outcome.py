"""Pictures of what a network learned, and of how busy its neurons are on the test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

import snn
from snn.demo.figures.drawing import SQUARE, Picture, axes, finished

__all__ = ["confusion", "history", "layer_rates"]


def history(series: Mapping[str, Sequence[float]]) -> list[Picture]:
    """Draw loss and accuracy over the epochs.

    Example:
        >>> [picture.alt for picture in history({"loss": [2.0, 1.0], "accuracy": [0.2, 0.8]})]
        ['Loss over 2 epochs, from 2 to 1', 'Training accuracy over 2 epochs, from 20 % to 80 %']
    """
    percent = [100 * share for share in series["accuracy"]]
    pictures = []
    for values, label, alt, form in (
        (series["loss"], "Loss (cross entropy of spike counts)", "Loss", "{:.3g}"),
        (percent, "Training accuracy (%)", "Training accuracy", "{:.4g} %"),
    ):
        ax = axes()
        snn.plot.training_curve(values, ax=ax, ylabel=label)
        ends = f"from {form.format(values[0])} to {form.format(values[-1])}"
        pictures.append(finished(ax, f"{alt} over {len(values)} epochs, {ends}"))
    return pictures


def confusion(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> Picture:
    """Draw the predicted classes against the true ones.

    Example:
        >>> confusion([[9, 1], [0, 5]], ["no", "yes"]).alt
        'Confusion matrix of 2 classes: 14 of 15 answers are right; the most common mistake is yes for no, 1 of 10'
    """
    ax = axes(SQUARE)
    snn.plot.confusion_matrix(counts, ax=ax, labels=classes)
    ax.set(xlabel="Answer", ylabel="True class")
    if max(map(len, classes)) > 2:
        ax.tick_params("x", labelrotation=90)
    table = torch.tensor(counts)
    right, total = int(table.trace()), int(table.sum())
    wrong = table - table.diag().diag()
    alt = f"Confusion matrix of {len(table)} classes: {right} of {total} answers are right"
    if right < total:
        true, answer = divmod(int(wrong.argmax()), len(table))
        samples = f"{int(wrong[true, answer])} of {int(table[true].sum())}"
        alt += f"; the most common mistake is {classes[answer]} for {classes[true]}, {samples}"
    return finished(ax, alt)


def layer_rates(layer: Mapping[str, Any]) -> Picture:
    """Draw the number of neurons of a layer that fire at each rate.

    Example:
        >>> layer_rates({"name": "hidden", "rates": [0.0, 0.25, 0.5]}).alt
        'Histogram of the firing rates of 3 neurons of layer hidden, from 0 to 0.5 spikes per step'
    """
    ax = axes()
    rates = layer["rates"]
    snn.plot.rate_histogram(rates, ax=ax)
    span = f"from {min(rates):.3g} to {max(rates):.3g} spikes per step"
    return finished(ax, f"Histogram of the firing rates of {len(rates)} neurons of layer {layer['name']}, {span}")
