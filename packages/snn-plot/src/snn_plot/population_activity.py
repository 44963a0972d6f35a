"""The activity of a population over time."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import StepPatch

from snn_plot.arrays import time_by_neuron
from snn_plot.axes import given_or_current, label_time, step_seconds
from snn_plot.binning import binned_rate, whole_window
from snn_plot.keywords import completed
from snn_plot.palette import BLUE


def population_activity(
    spk: Any,
    *,
    ax: Axes | None = None,
    time_first: bool = True,
    dt: float | None = None,
    window: int = 1,
    **artist: Any,
) -> Axes:
    r"""Draw the share of a population that fires, over time.

    .. math:: A[k] = \frac{1}{N\,n_k\,\Delta t} \sum_{i=1}^{N} \sum_{t \in k} [\,S_i[t] \neq 0\,]

    with N neurons and :math:`n_k` the number of steps of window k.

    Args:
        spk: Spikes of one sample, ``[time, neuron]`` or ``[time]``: tensor, array or list. Every value other than 0 is
            a spike.
        ax: Axes to draw on; the current ones if None. Call it again on the same axes to compare populations.
        time_first: Whether axis 0 is time; if not, the data are ``[neuron, time]``.
        dt: Step in seconds, for an activity in Hz; it is in spikes per neuron and step if None.
        window: Steps counted together. The last window may be shorter.
        **artist: Passed to ``Axes.stairs``, such as ``color`` or ``label``.

    Returns:
        The axes.

    Raises:
        TypeError: If the data are not real numbers or `ax` is not an Axes.
        ValueError: If the shape, `dt` or `window` is wrong, or the data are not finite.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = population_activity([[0, 1], [1, 1], [0, 0]], ax=Figure().subplots(), dt=0.5)
        >>> ax.patches[0].get_data().values.tolist()
        [1.0, 2.0, 0.0]
        >>> ax.get_ylabel()
        'Population activity (Hz)'

    Source: Gerstner et al., Neuronal Dynamics (2014), equation 7.10.
    """
    spikes = time_by_neuron(spk, time_first=time_first, name="population_activity: spk")
    unit = step_seconds(dt, "population_activity")
    window = whole_window(window, len(spikes), "population_activity")
    ax = given_or_current(ax, "population_activity")

    rates, edges = binned_rate(spikes, window, unit)
    style = completed(artist, StepPatch, linewidth=1.2, baseline=None, color=BLUE)
    line = ax.stairs(rates.mean(axis=1), edges, **style)
    # the axis starts at zero activity, but the line does not fall to it at its ends
    ax.update_datalim([(edges[0], 0)])
    line.sticky_edges.y[:] = [0]
    label_time(ax, dt, "Activity (spikes per neuron and step)" if dt is None else "Population activity (Hz)")
    return ax
