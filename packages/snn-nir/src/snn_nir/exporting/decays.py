"""The conversion of decays per step to NIR's time constants."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import torch
from torch import Tensor

from snn_nir.codes import refusal
from snn_nir.exporting.drawing import field_type
from snn_nir.exporting.settings import Settings
from snn_nir.graphs.values import array_of, without_batch

Constant = float | Tensor | np.ndarray

_NEIGHBORS = 4  # floating-point numbers on each side of a time constant


def broadcast(value: Constant, shape: tuple[int, ...], where: str) -> np.ndarray:
    """Return a constant of a neuron with one value for every neuron, as float64."""
    array = array_of(value, torch.float64) if isinstance(value, Tensor) else np.asarray(value, dtype=np.float64)
    try:
        return np.broadcast_to(without_batch(array, len(shape)), shape)
    except ValueError:
        problem = f"a constant of shape {tuple(np.shape(value))} for neurons of shape {shape}"
        raise refusal("NIR402", where, problem, "give one value, or one per neuron") from None


class Leak:
    r"""An exponential :math:`v' = d\,v + g\,x` in NIR's form.

    NIR's :math:`\tau \dot v = -v + r\,x` is :math:`v' = d\,v + (1 - d)\,r\,x` with either method, where
    :math:`d = 1 - \Delta t / \tau` (``"euler"``) or :math:`d = e^{-\Delta t / \tau}` (``"exact"``). Therefore
    :math:`r = g / (1 - d)`. If nothing decays, :math:`\dot v = r\,x` with :math:`r = g / \Delta t`.

    The decay d and the gain g are float64, one per neuron; ``dtype`` is that of the network.
    """

    def __init__(self, decay: np.ndarray, gain: np.ndarray, settings: Settings, dtype: torch.dtype, where: str) -> None:
        self._type: Any = field_type(dtype)
        self._settings = settings
        dt = self._type(settings.dt)
        self._dt_above = dt if float(dt) >= settings.dt else np.nextafter(dt, self._type(np.inf))
        if settings.method == "exact" and (decay < 0).any():
            problem = f"a decay of {decay.min():.6g} per step, for which method='exact' has no time constant"
            raise refusal("NIR402", where, problem, "pass method='euler'")
        self.decay = decay
        self.never: bool = bool((decay == 1).all()) and decay.size > 0
        self.tau: np.ndarray
        self.r: np.ndarray
        self.tau, self.r = self._paired(self._time_constant(), gain)
        self._r_without_leak = self._divided(gain, self._type(settings.dt))

    def _time_constant(self) -> np.ndarray:
        dt, decay = self._settings.dt, self.decay
        bits = 53 if self._type is np.float64 else 24  # 1 - 2^-bits is the largest number below 1
        with np.errstate(divide="ignore"):
            if self._settings.method == "euler":
                tau = self.field(dt / (1 - np.where(decay == 1, 0, decay)))
                tau = np.where(decay >= 0, np.maximum(tau, self._dt_above), tau)  # else 0 might become negative
            else:
                tau = np.where(decay == 0, dt * 2.0**-10, -dt / np.log(np.where(decay == 1, 0.5, decay)))
        return self.field(np.where(decay == 1, dt * 2.0**bits, tau))

    def _paired(self, tau: np.ndarray, gain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return neighbors of tau and r whose product (1 - d) r rounds to the gain itself.

        A spike of 1 then moves the membrane by exactly 1, and not above a threshold of 1.
        """
        chosen, (r, done) = tau, self._resistance(gain, tau)
        longer = shorter = tau
        for _ in range(_NEIGHBORS):
            longer = np.nextafter(longer, self._type(np.inf))
            shorter = np.maximum(np.nextafter(shorter, self._type(0)), np.minimum(tau, self._dt_above))
            for beside in (longer, shorter):
                other, fits = self._resistance(gain, beside)
                better = fits & ~done
                chosen, r, done = np.where(better, beside, chosen), np.where(better, other, r), done | better
        return chosen, r

    def _resistance(self, gain: np.ndarray, tau: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return r, and True where (1 - d) r is the gain both with a division by tau and with its reciprocal."""
        dt = self._type(self._settings.dt)
        rises = [dt / tau, dt * (1 / tau)]
        if self._settings.method == "exact":
            rises = [-np.expm1(-steps) for steps in rises]
        r = self._divided(gain, rises[0])
        return r, np.logical_and.reduce([rise * r == self.field(gain) for rise in rises])

    def _divided(self, gain: np.ndarray, rise: Any) -> np.ndarray:
        """Return the quotient r, or a neighbor of it whose product with the divisor is the gain itself."""
        product = self.field(gain)
        r = self.field(product / rise)
        for end in (np.inf, -np.inf):
            beside = np.nextafter(r, self._type(end))
            r = np.where((rise * r != product) & (rise * beside == product), beside, r)
        return r

    def field(self, values: Any) -> np.ndarray:
        """Return values as a field of the neuron."""
        return np.array(values, dtype=self._type)

    @property
    def zero(self) -> np.ndarray:
        """Zeros, for a potential at which a membrane rests or to which it is reset."""
        return np.zeros(self.decay.shape, self._type)

    def integrator(self, current: Leak | None = None) -> Any:
        """Return the membrane alone: ``LI``, or ``I`` if nothing decays; ``CubaLI`` behind a current."""
        if current is not None:
            return nir.CubaLI(**self._behind(current))
        if self.never:
            return nir.I(r=self._r_without_leak)
        return nir.LI(tau=self.tau, r=self.r, v_leak=self.zero)

    def firing(self, threshold: np.ndarray, current: Leak | None = None) -> Any:
        """Return membrane, threshold, and reset to zero: ``LIF``, or ``IF`` if nothing decays; ``CubaLIF``."""
        fields = {"v_threshold": self.field(threshold), "v_reset": self.zero}
        if current is not None:
            return nir.CubaLIF(**self._behind(current), **fields)
        if self.never:
            return nir.IF(r=self._r_without_leak, **fields)
        return nir.LIF(tau=self.tau, r=self.r, v_leak=self.zero, **fields)

    def _behind(self, current: Leak) -> dict[str, Any]:
        return {"tau_syn": current.tau, "tau_mem": self.tau, "r": self.r, "v_leak": self.zero, "w_in": current.r}
