"""The firing rate of a neuron over its input."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from torch import Tensor

from snn_plot.arrays import require_finite, to_array
from snn_plot.axes import given_or_current, label_axes, rate_label, step_seconds
from snn_plot.keywords import completed
from snn_plot.numbers import checked_whole
from snn_plot.palette import line_colors
from snn_plot.series import named_callables


def fi_curve(
    respond: Callable[[Tensor], Any] | Mapping[str, Callable[[Tensor], Any]],
    inputs: Any,
    *,
    ax: Axes | None = None,
    num_steps: int = 1000,
    dt: float | None = None,
    **artist: Any,
) -> Axes:
    r"""Draw the firing rate of a neuron over its constant input.

    .. math:: f(I) = \frac{1}{T\,\Delta t} \sum_{t=1}^{T} [\,S[t] \neq 0\,] \quad \text{at } I[t] = I

    The neuron starts at rest, and every step counts. The inputs run side by side as a batch.

    Args:
        respond: Function from inputs ``[time, inputs, 1]`` to spikes ``[time, inputs, ...]``, averaged over further
            axes, alone or first in a tuple: the ``unroll`` method of a neuron, or any function around a network. Or
            several of them by name.
        inputs: Constant inputs ``[inputs]``, in membrane units per step.
        ax: Axes to draw on; the current ones if None.
        num_steps: Number of steps for which each input is held; the rate is exact to one spike in this many steps.
        dt: Step in seconds, for rates in Hz; they are in spikes per step if None.
        **artist: Passed to ``Axes.plot`` for every curve.

    Returns:
        The axes. A legend names the curves if there are several.

    Raises:
        TypeError: If `respond` is not callable or does not return a tensor, the inputs are not real numbers or `ax`
            is not an Axes.
        ValueError: If the shape of the inputs or of the spikes, `num_steps` or `dt` is wrong, a value is not finite, or
            two curves have names of the same text.

    Example:
        A neuron without a leak that loses 1 at each spike fires as often as its input adds up to 1.

        >>> from matplotlib.figure import Figure
        >>> def integrate_and_fire(xs):
        ...     return xs.cumsum(0).floor().diff(dim=0, prepend=torch.zeros_like(xs[:1])) > 0
        >>> ax = fi_curve(integrate_and_fire, [0.0, 0.25, 0.5], ax=Figure().subplots(), dt=1e-3)
        >>> ax.lines[0].get_ydata().tolist(), ax.get_ylabel()
        ([0.0, 250.0, 500.0], 'Firing rate (Hz)')

    Source: Gerstner et al., Neuronal Dynamics (2014), section 1.3.
    """
    responses = named_callables(respond, "fi_curve: respond", "turns inputs [time, inputs, 1] into spikes")
    currents = to_array(inputs, "fi_curve: inputs")
    if currents.ndim != 1 or currents.size == 0:
        raise ValueError(f"fi_curve: inputs must have shape [inputs], one value or more, got {list(currents.shape)}")
    require_finite(currents, "fi_curve: inputs")
    steps = checked_whole(num_steps, "fi_curve: num_steps must be 1 or more whole steps")
    unit = step_seconds(dt, "fi_curve")
    rates = {name: _rates(response, currents, steps) / unit for name, response in responses.items()}
    ax = given_or_current(ax, "fi_curve")

    for (name, rate), color in zip(rates.items(), line_colors(len(rates)), strict=True):
        ax.plot(currents, rate, **completed(artist, Line2D, linewidth=1.5, color=color, label=name))
    label_axes(ax, "Input (membrane units per step)", rate_label(dt))
    if len(rates) > 1:
        ax.legend()
    return ax


def _rates(respond: Callable[[Tensor], Any], currents: np.ndarray, num_steps: int) -> np.ndarray:
    """Return spikes per step at each input; a noisy neuron leaves the random generator as it was."""
    xs = torch.tensor(currents, dtype=torch.get_default_dtype()).reshape(1, -1, 1).repeat(num_steps, 1, 1)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        answer = respond(xs)
    spk = answer[0] if isinstance(answer, tuple) and answer else answer
    if not isinstance(spk, Tensor):
        raise TypeError(
            f"fi_curve: respond must return spikes as a tensor, alone or first of a tuple, got {type(spk).__name__}"
        )
    if spk.ndim < 2 or spk.shape[:2] != xs.shape[:2] or spk.numel() == 0:
        raise ValueError(
            f"fi_curve: respond must return spikes [time, inputs, ...] for inputs {list(xs.shape)}, "
            f"got {list(spk.shape)}"
        )
    spikes = to_array(spk, "fi_curve: spikes")
    require_finite(spikes, "fi_curve: spikes")
    return (spikes.reshape(*xs.shape[:2], -1) != 0).mean(axis=(0, 2))
