"""A surrogate gradient, together with the membrane potentials at which it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch
from torch import Tensor

from snn_plot.arrays import require_finite, to_array
from snn_plot.axes import given_or_current, label_axes
from snn_plot.keywords import completed
from snn_plot.numbers import is_number, pair
from snn_plot.palette import line_colors
from snn_plot.series import named_callables

# Odd, so that the middle of symmetric limits, the threshold itself, is one of the points.
POINTS = 801
BARS = 60
# Height of the fullest bar of the histogram, as a share of the axes.
TALLEST = 0.6


def surrogate_curve(
    spike_grad: Callable[[Tensor], Tensor] | Mapping[str, Callable[[Tensor], Tensor]],
    *,
    ax: Axes | None = None,
    mem: Any = None,
    threshold: float = 1.0,
    limits: tuple[float, float] | None = None,
    **artist: Any,
) -> Axes:
    r"""Draw a surrogate's spike and derivative over the distance of the membrane from the threshold.

    .. math:: S = H(U - \vartheta), \qquad \frac{\partial S}{\partial U} \text{ as autograd gives it}

    With `mem`, gray bars show where the membranes are: those under a flat part of the derivative learn nothing. Their
    scale is in the legend.

    Args:
        spike_grad: Surrogate: takes :math:`U-\vartheta`, returns spikes, and has a derivative; or several by name.
        ax: Axes to draw on; the current ones if None.
        mem: Membrane potentials of any shape, in the unit of `threshold`; no histogram is drawn if None.
        threshold: Firing threshold of the neurons with potentials `mem`.
        limits: First and last :math:`U-\vartheta` drawn; from -1.5 to 1.5, or as far as `mem` reaches, if None.
        **artist: Passed to ``Axes.plot`` for every derivative.

    Returns:
        The axes.

    Raises:
        TypeError: If `spike_grad` is not callable, `mem` does not hold real numbers or `ax` is not an Axes.
        ValueError: If the surrogate has no derivative, `mem` is empty or not finite, the limits are not in order, or
            two surrogates have names of the same text.

    Example:
        >>> from matplotlib.figure import Figure
        >>> ax = surrogate_curve(torch.sigmoid, ax=Figure().subplots())
        >>> [line.get_label() for line in ax.lines]
        ['spike S', 'derivative ∂S/∂U']
        >>> float(ax.lines[1].get_ydata().max())
        0.25

    Source: Neftci et al., Surrogate Gradient Learning in Spiking Neural Networks (2019), section III.
    """
    surrogates = named_callables(spike_grad, "surrogate_curve: spike_grad", "turns U - threshold into spikes")
    distance = None if mem is None else _distances(mem, threshold)
    low, high = _limits(limits, distance)
    x = np.linspace(low, high, POINTS)
    curves = {name: _curve(surrogate, x) for name, surrogate in surrogates.items()}
    ax = given_or_current(ax, "surrogate_curve")

    if distance is not None:
        # even with the user's limits, the shares are those of all values
        counts, borders = np.histogram(distance, BARS, (low, high))
        share, fullest = counts / distance.size, max(counts.max(), 1)
        label = f"membranes, {share.max():.0%} in the fullest bar"
        height = TALLEST * counts / fullest
        # on the edge of the axes, whose y limits are set by the curves; Axes.stairs would add 0 to them
        across = ax.get_xaxis_transform()
        ax.add_patch(StepPatch(height, borders, fill=True, color="0.8", label=label, transform=across, zorder=0.5))
    for i, (spk, _) in enumerate(curves.values()):
        ax.plot(x, spk, color="0.4", linestyle="--", linewidth=1.2, label="_" if i else "spike S")
    for (name, (_, slope)), color in zip(curves.items(), line_colors(len(curves)), strict=True):
        ax.plot(x, slope, **completed(artist, Line2D, linewidth=1.8, color=color, label=name or "derivative ∂S/∂U"))
    label_axes(ax, "U − ϑ, membrane above threshold (membrane units)", "S, and ∂S/∂U (per membrane unit)")
    ax.legend()
    return ax


def _distances(mem: Any, threshold: float) -> np.ndarray:
    potentials = to_array(mem, "surrogate_curve: mem")
    if potentials.size == 0:
        raise ValueError(
            "surrogate_curve: mem is empty. Fix: pass recorded membrane potentials, or None for no histogram"
        )
    require_finite(potentials, "surrogate_curve: mem")
    if not is_number(threshold):
        raise ValueError(f"surrogate_curve: threshold must be finite, got {threshold}")
    return potentials.astype(np.float64).ravel() - float(threshold)


def _limits(limits: tuple[float, float] | None, distance: np.ndarray | None) -> tuple[float, float]:
    if limits is None:
        return (-1.5, 1.5) if distance is None else (min(-1.5, distance.min()), max(1.5, distance.max()))
    low, high = pair(limits)
    if not (is_number(low) and is_number(high) and low < high):
        raise ValueError(f"surrogate_curve: limits must be (first, last) in rising order, got {limits}")
    return float(low), float(high)


def _curve(surrogate: Callable[[Tensor], Tensor], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return spikes and their derivative; a random surrogate leaves the generator as it was."""
    with torch.inference_mode(False), torch.enable_grad(), torch.random.fork_rng(devices=[]):
        points = torch.tensor(x, requires_grad=True)
        spk = surrogate(points)
        if not isinstance(spk, Tensor) or spk.shape != points.shape:
            result = list(spk.shape) if isinstance(spk, Tensor) else type(spk).__name__
            raise ValueError(
                f"surrogate_curve: spike_grad must return a tensor of the shape of its input, {[POINTS]}, got {result}"
            )
        if not spk.requires_grad:
            raise ValueError(
                f"surrogate_curve: spike_grad {surrogate!r} has no derivative. "
                "Fix: pass a surrogate, not a bare step function"
            )
        (slope,) = torch.autograd.grad(spk.sum(), points)
    return to_array(spk), to_array(slope)
