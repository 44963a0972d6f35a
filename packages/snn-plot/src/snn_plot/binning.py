"""Spikes counted over windows of time."""

from __future__ import annotations

import numpy as np

from snn_plot.numbers import checked_whole


def binned_rate(spk: np.ndarray, window: int, unit: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the rate of each neuron in windows of `window` steps, ``[windows, neuron]``, and their borders in time.

    The rate is the number of values other than 0 in ``spk[time, neuron]``, divided by the duration of the window; the
    last window may be shorter. `unit` is the duration of a step, and step ``t`` is centered on ``t * unit``.
    """
    starts = np.arange(0, len(spk), window)
    borders = np.append(starts, len(spk))
    counts = np.add.reduceat(spk != 0, starts, axis=0, dtype=np.int64)
    return counts / (np.diff(borders)[:, None] * unit), (borders - 0.5) * unit


def whole_window(window: int, num_steps: int, caller: str) -> int:
    """Check the number of steps that are counted together."""
    expected = f"{caller}: window must be 1 to {num_steps} whole steps, the length of data"
    return checked_whole(window, expected, most=num_steps)
