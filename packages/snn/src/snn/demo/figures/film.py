"""A film of the output neurons, which shows how the answer arises."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import snn
from snn.demo.figures.drawing import Picture, finished, sheet
from snn.demo.recording import Recording

__all__ = ["votes"]

# Milliseconds: length of the film, shortest and longest frame, and time for which the last frame stays.
FILM, SHORTEST, LONGEST, END = 4000, 40, 250, 1500


def votes(recording: Recording) -> tuple[Picture, Picture]:
    """Film the output layer as animated PNG: its spikes as they come, and the number that each neuron has fired so far.

    The film begins with its last frame, so that a reader whose viewer does not play it sees how it ends.

    Example:
        >>> import torch
        >>> from snn.demo.recording import LayerRecording
        >>> spk = torch.eye(3)
        >>> layer = LayerRecording("output", spk, spk, torch.tensor(1.0))
        >>> film, still = votes(Recording(spk[:1], 1, 1, tuple("abc"), spk, "sequence", (layer,)))
        >>> still.alt
        'Spikes of the output neurons over 3 steps, and how many each has fired: a 1, b 1, c 1'
    """
    spk, classes = recording.layers[-1].spk, list(recording.classes)
    figure = sheet(1.8)
    above, below = figure.subplots(2, 1)
    steps = len(spk)
    delay = min(max(FILM / steps, SHORTEST), LONGEST)
    parts = (
        snn.plot.animated_raster(spk, above, labels=classes),
        snn.plot.spike_count(spk, figure, below, classes, animate=True),
    )
    for ax in (above, below):
        ax.set_ylabel("Output neuron")

    def show(frame: int) -> list[Any]:
        step = min(frame - 1, steps) if frame else steps
        return [artist for part in parts for artist in part.show(step)]

    film = snn.plot.Animation(figure, show, 1 + steps + 1 + round(END / delay), delay, blit=True)
    with tempfile.TemporaryDirectory() as folder:
        film.save(Path(folder) / "film.apng")
        moving = (Path(folder) / "film.apng").read_bytes()
    show(0)
    counts = (spk != 0).sum(0).tolist()
    total = ", ".join(f"{name} {count}" for name, count in zip(classes, counts, strict=True))
    alt = f"Spikes of the output neurons over {steps} steps, and how many each has fired: {total}"
    still = finished(below, alt)
    return still._replace(png=moving, alt=f"Film. {alt}"), still
