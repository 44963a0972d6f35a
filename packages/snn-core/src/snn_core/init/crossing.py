"""The factor by which to scale the input of a layer of neurons so that it fires at a given rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import torch
from torch import Tensor

from snn_core.engines.dtypes import as_dtype, computing_dtype
from snn_core.neuron.recurrence import Recurrent
from snn_core.neuron.temporal import as_floating

_QUIET = 1e-3  # share of the threshold that no membrane exceeds while it is measured without spikes
_NARROW = 1e-6  # if a rate jumps between factors that differ by less than this share, none gives the rates between

_TOO_LOW = (
    ": most of the input keeps the membrane low; draw weights with a larger mean, add a bias or lower the threshold"
)
_TOO_HIGH = "; choose a threshold above 0, or smaller recurrent weights and biases"


class NotReached(Exception):
    """Error raised for a rate that no factor reaches; the message says why."""


def gaussian_factor(mean: float, std: float, threshold: float, rate: float) -> float | None:
    r"""Return the input factor at which a Gaussian membrane potential exceeds the threshold with a given probability.

    .. math:: \Phi\!\left(\frac{f \mu_U - \vartheta}{f \sigma_U}\right) = \nu \quad\Rightarrow\quad
        f = \frac{\vartheta}{\mu_U + \xi\,\sigma_U}, \qquad \xi = \Phi^{-1}(1 - \nu)

    ``mean`` and ``std`` are those of the membrane potential without spikes. None if there is no such factor.

    Source: Rossbroich, Gygax and Zenke, Fluctuation-driven initialization for spiking neural network training (2022).
    """
    height = mean + NormalDist().inv_cdf(1 - rate) * std
    return threshold / height if math.isfinite(height) and height > 0 else None


def equation_of(neuron: Any) -> type:
    """Return the class whose ``integrate`` a neuron runs, leaving recurrence aside."""
    kinds = (k for k in type(neuron).__mro__ if "integrate" in vars(k) and k is not Recurrent)
    return next(kinds, type(neuron))


@torch.no_grad()
def subthreshold(neuron: Any, xs: Tensor) -> Tensor | None:
    """Return the membrane potential in all steps as if the neuron never fired, in units of its threshold.

    It is measured on input that is scaled down so far that the neuron does not fire, and then scaled up again. The
    result is exact if the equation is linear below the threshold. It is None if no threshold is above 0 and finite, or
    the membrane potential is not finite.
    """
    drive, threshold = neuron.driven(as_floating(xs, type(neuron).__name__)), neuron.threshold.detach()
    drive = as_dtype(drive, computing_dtype(drive))
    largest = float(drive.abs().amax())
    if not (bool((threshold > 0).all()) and bool(threshold.isfinite().any()) and 0 < largest < math.inf):
        return None
    scale = _QUIET * float(threshold.min()) / (largest * len(xs))
    equation: Any = equation_of(neuron)
    state = neuron.State._make(drive.new_zeros(neuron.state_shape(drive[0])) for _ in neuron.State._fields)
    membranes = []
    for x in drive * scale:
        state = equation.integrate(neuron, x, state)
        membranes.append(neuron.membrane(state) / threshold)
    stacked = torch.stack(membranes).double() / scale
    return stacked if bool(stacked.isfinite().all()) else None


@torch.no_grad()
def firing_factor(neuron: Any, xs: Tensor, rate: float, tolerance: float = 0.1, most: float = 1e6) -> float:
    """Return the factor of the input at which a layer of neurons fires at a given rate.

    The closed form for a Gaussian membrane potential is only the start of the search, as spikes reset a membrane, adapt
    it and feed back. The arguments are those of :func:`~snn_core.init.fluctuation_`, but ``xs`` is the neuron's input.
    """
    membrane = subthreshold(neuron, xs)
    start = None
    if membrane is not None:
        start = gaussian_factor(float(membrane.mean()), float(membrane.std(correction=0)), 1.0, rate)

    def measured(factor: float) -> float:
        return float((neuron.unroll(xs * factor)[0] != 0).double().mean())

    return solved(measured, start or 1.0, rate, tolerance, most)


def solved(measured: Callable[[float], float], start: float, rate: float, tolerance: float, most: float) -> float:
    """Return the factor at which an increasing rate has the requested value, by growing steps and then by bisection."""
    factor, step = min(max(start, 1 / most), most), 2.0
    below: tuple[float, float] | None = None  # a factor with a rate that is too low, and the rate
    above: tuple[float, float] | None = None
    while True:
        now = measured(factor)
        if abs(now - rate) <= tolerance * rate:
            return factor
        too_low = now < rate
        below, above = ((factor, now), above) if too_low else (below, (factor, now))
        if below is not None and above is not None:
            if abs(math.log(above[0] / below[0])) < _NARROW:
                raise NotReached(
                    f"its rate jumps from {below[1]:.3g} to {above[1]:.3g} at a factor of {factor:.4g}; pass a larger "
                    "batch, whose samples differ, or a larger tolerance="
                )
            factor = math.sqrt(below[0] * above[0])
            continue
        if factor >= most if too_low else factor <= 1 / most:
            raise NotReached(
                f"its rate is {now:.3g} even with its input scaled by {factor:.3g}{_TOO_LOW if too_low else _TOO_HIGH}"
            )
        factor, step = min(max(factor * step if too_low else factor / step, 1 / most), most), step * step
