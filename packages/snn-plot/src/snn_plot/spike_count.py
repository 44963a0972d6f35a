"""The number of spikes of each output: one bar per class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.patches import Rectangle

from snn_plot.animation import Animation
from snn_plot.arrays import time_by_neuron, to_array
from snn_plot.axes import given_or_current, label_axes, step_seconds, whole_ticks
from snn_plot.keywords import completed
from snn_plot.numbers import checked_whole, whole
from snn_plot.palette import BAND, BLUE, VERMILION
from snn_plot.rows import names_for

# More bars than this leave no room for counts and, unless the user asks for them, names.
WRITE_COUNTS_UP_TO = 20


@overload
def spike_count(
    data: Any,
    fig: Figure | None = None,
    ax: Axes | None = None,
    labels: Sequence[object] | None = None,
    num_steps: int | None = None,
    animate: Literal[False] = False,
    interpolate: int = 1,
    gridshader: bool = True,
    interval: float = 25,
    time_step: float | None = None,
    *,
    time_first: bool = True,
    dt: float | None = None,
    **artist: Any,
) -> Axes: ...


@overload
def spike_count(
    data: Any,
    fig: Figure | None = None,
    ax: Axes | None = None,
    labels: Sequence[object] | None = None,
    num_steps: int | None = None,
    *,
    animate: Literal[True],
    interpolate: int = 1,
    gridshader: bool = True,
    interval: float = 25,
    time_step: float | None = None,
    time_first: bool = True,
    dt: float | None = None,
    **artist: Any,
) -> Animation: ...


def spike_count(
    data: Any,
    fig: Figure | None = None,
    ax: Axes | None = None,
    labels: Sequence[object] | None = None,
    num_steps: int | None = None,
    animate: bool = False,
    interpolate: int = 1,
    gridshader: bool = True,
    interval: float = 25,
    time_step: float | None = None,
    *,
    time_first: bool = True,
    dt: float | None = None,
    **artist: Any,
) -> Axes | Animation:
    r"""Draw how many spikes each output neuron fired during one sample, or animate the count.

    .. math:: n_i[t] = \textstyle\sum_{s < t} [\,S_i[s] \neq 0\,]

    Args:
        data: Spikes, ``[time, neuron]``: tensor, array or list. Every value other than 0 is a spike.
        fig: Figure that holds `ax`; not needed, but accepted so that ``spike_count(data, fig, ax, labels)`` works.
        ax: Axes to draw on; if None, the current ones (of `fig` if given).
        labels: Name of each neuron; its index if None.
        num_steps: Number of steps to count; all if None or False.
        animate: Return an animation of the growing bars instead of the final picture.
        interpolate: Frames per step of the animation.
        gridshader: Shade the background of every second neuron.
        interval: Delay between frames in milliseconds.
        time_step: Another name for `dt`.
        time_first: Whether axis 0 is time; if not, the data are ``[neuron, time]``.
        dt: Step in seconds; time is given in steps if None.
        **artist: Passed to ``Axes.barh``.

    Returns:
        The axes, or with ``animate=True`` the animation: keep it in a variable, and ``save`` or display it: see
        `Animation`.

    Raises:
        TypeError: If the data are not real numbers or `ax` is not an Axes.
        ValueError: If the shape, the number of labels or of steps is wrong, or `ax` is not in `fig`.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = spike_count([[1, 0], [1, 1], [1, 0]], ax=Figure().subplots(), labels=["cat", "dog"])
        >>> ax.containers[0].datavalues.tolist()
        [3, 1]
        >>> ax.get_xlabel()
        'Spikes in 3 steps'

    Source: ``snntorch.spikeplot.spike_count`` (snnTorch 1.0.0), for the call.
    """
    array = to_array(data, "spike_count: data")
    if array.ndim != 2:
        raise ValueError(f"spike_count: data must have shape [time, neuron], got {list(array.shape)}")
    spk = time_by_neuron(array, time_first=time_first, name="spike_count: data") != 0
    if dt is not None and time_step:
        raise ValueError(f"spike_count: time_step={time_step} and dt={dt} are the same quantity. Fix: pass one")
    dt = time_step or dt
    steps = whole(num_steps or len(spk))
    if steps is None or steps > len(spk):
        raise ValueError(
            f"spike_count: num_steps must be 1 to {len(spk)} whole steps, the length of data, got {num_steps}"
        )
    frames = checked_whole(interpolate, "spike_count: interpolate must be a whole number of 1 frame per step or more")
    seconds = step_seconds(dt, "spike_count", "time_step" if time_step else "dt")
    duration = f"{steps * seconds:g} {'steps' if dt is None else 's'}"
    neurons = spk.shape[1]
    names = names_for(labels, neurons, "spike_count")
    if not isinstance(fig, FigureBase | None):
        raise TypeError(f"spike_count: fig must be a matplotlib figure or None, got {type(fig).__name__}")
    ax = fig.gca() if ax is None and fig is not None else given_or_current(ax, "spike_count")
    if fig is not None and ax.figure.canvas is not fig.canvas:
        raise ValueError("spike_count: ax must be in fig. Fix: pass the two that plt.subplots() returns")

    # counts[t] are the spikes of the first t steps
    counts = np.concatenate([np.zeros((1, neurons), dtype=int), np.cumsum(spk[:steps], axis=0)])
    bars = ax.barh(range(neurons), counts[-1], **completed(artist, Rectangle, height=0.7, color=BLUE))
    if gridshader:
        for row in range(1, neurons, 2):
            ax.axhspan(row - 0.5, row + 0.5, color=BAND, linewidth=0, zorder=0)
    if names is not None or neurons <= WRITE_COUNTS_UP_TO:
        ax.set_yticks(range(neurons), names)
    else:
        whole_ticks(ax.yaxis)
    ax.set_ylim(-0.5, neurons - 0.5)
    whole_ticks(ax.xaxis)
    across = "Spikes (bars), time step (line)" if animate else f"Spikes in {duration}"
    label_axes(ax, across, "Neuron" if labels is None else "Label")
    if animate:
        return _animation(ax, bars, counts, frames, interval)
    if neurons <= WRITE_COUNTS_UP_TO:
        ax.bar_label(bars, padding=3)
    # room for the number at the end of the longest bar
    ax.set_xlim(0, max(1, counts[-1].max()) * 1.1)
    return ax


def _animation(ax: Axes, bars: Any, counts: np.ndarray, interpolate: int, interval: float) -> Animation:
    steps = len(counts) - 1
    ax.set_xlim(0, steps)
    now = ax.axvline(0, color=VERMILION, linewidth=2)

    def show(frame: int) -> list[Any]:
        for bar, width in zip(bars, counts[frame // interpolate], strict=True):
            bar.set_width(width)
        now.set_xdata([frame / interpolate] * 2)
        return [*bars, now]

    return Animation(ax.figure.canvas.figure, show, steps * interpolate + 1, interval, blit=True)
