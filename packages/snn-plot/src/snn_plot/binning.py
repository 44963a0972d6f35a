"""Spikes counted over windows of time."""

from __future__ import annotations

import numpy as np

from snn_plot.numbers import whole

__all__ = ["binned_rate", "whole_window"]


def binned_rate(spk: np.ndarray, window: int, unit: float) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the firing rate of each neuron in windows of `window` steps; the last one may be shorter.

    .. math:: r_i[k] = \frac{1}{n_k\,\Delta t} \sum_{t \in k} [\,S_i[t] \neq 0\,]

    with :math:`n_k` the number of steps of window k, so that a short last one has a comparable rate.

    Args:
        spk: Spikes, ``[time, neuron]``; every value other than 0 is a spike.
        window: Steps per window.
        unit: Duration of a step: seconds give a rate in Hz, 1 gives spikes per step.

    Returns:
        Rates ``[window, neuron]``, and the ``[windows + 1]`` borders in time, where step ``t`` is centered on
        ``t * unit``.

    Example:
        >>> rates, edges = binned_rate(np.array([[1], [1], [0], [0], [1]]), 2, unit=1.0)
        >>> rates.ravel().tolist(), edges.tolist()
        ([1.0, 0.0, 1.0], [-0.5, 1.5, 3.5, 4.5])
    """
    starts = np.arange(0, len(spk), window)
    borders = np.append(starts, len(spk))
    counts = np.add.reduceat(spk != 0, starts, axis=0, dtype=np.int64)
    return counts / (np.diff(borders)[:, None] * unit), (borders - 0.5) * unit


def whole_window(window: int, num_steps: int, caller: str) -> int:
    """Check the number of steps that are counted together."""
    steps = whole(window)
    if steps is None or steps > num_steps:
        raise ValueError(f"{caller} needs window of 1 to {num_steps} whole steps, the length of data, got {window}")
    return steps
