"""The time step of a graph: passed, recorded, inferred from its parameters, or assumed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import nir
import numpy as np

from snn_nir.codes import announce
from snn_nir.graphs.fields import STATEFUL
from snn_nir.importing.discretization import METHODS, rise_of

DEFAULT_DT = 1e-4  # seconds, as in the NIR paper, snnTorch and SpikingJelly
TIME_UNITS: dict[str, float | None] = {"s": 1.0, "ms": 1e-3, "step": None}  # in seconds
_AGREE = 1e-4  # relative


class Evidence(NamedTuple):
    """A time step indicated by a parameter of a node, read in one way: ``"dt = tau / r"``."""

    node: str
    reading: str
    dt: float

    def __str__(self) -> str:
        return f"node {self.node!r}: {self.reading} = {self.dt:.6g}"


class TimeStep(NamedTuple):
    """The step with which a graph runs.

    ``dt`` is in seconds, or 1 if times count steps; ``time_unit`` is the unit of the graph's time constants,
    ``"s"``, ``"ms"`` or ``"step"``; ``source`` is ``"given"``, ``"metadata"``, ``"inferred"`` or ``"assumed"``, and
    ``evidence`` is the basis of an inferred one.
    """

    dt: float
    time_unit: str
    method: str
    source: str
    evidence: tuple[Evidence, ...] = ()

    @property
    def in_units(self) -> float:
        """The step in the unit of the graph's time constants."""
        seconds = TIME_UNITS[self.time_unit]
        return self.dt if seconds is None else self.dt / seconds


def time_step(
    nodes: Mapping[str, nir.NIRNode],
    recorded: Mapping[str, Any],
    *,
    dt: float | None = None,
    method: str | None = None,
    time_unit: str = "s",
) -> TimeStep:
    """Return the time step with which to run a graph without nested graphs; for the options see ``from_nir``.

    NIR does not record one. An argument counts first, then our own metadata, then the parameters: many exporters choose
    ``r`` (and ``w_in``) so that a spike is not scaled, which ties it to the step. Otherwise it is assumed, with a
    warning: one unit of time if all neurons are IF with r = 1, which means one unit of input per step, and else 1e-4 s.
    """
    if time_unit not in TIME_UNITS:
        raise ValueError(f"time_unit must be one of {', '.join(TIME_UNITS)}, got {time_unit!r}")
    if dt is not None and not (np.isfinite(dt) and dt > 0):
        raise ValueError(f"dt must be greater than 0, got {dt!r}")
    unit = str(recorded.get("time_unit", "s")) if time_unit == "s" else time_unit
    unit = unit if unit in TIME_UNITS else "s"
    if unit == "step" and dt not in (None, 1):
        raise ValueError(f"time_unit='step' counts time in steps, so dt is 1; got dt={dt!r}, leave one of the two out")
    how = str(method or recorded.get("method", "euler"))
    if method is None and how not in METHODS:
        announce("NIR304", "graph", f"its method is {how!r}, 'euler' is used")
        how = "euler"
    rise_of(how)
    if dt is not None or unit == "step":
        return TimeStep(1.0 if dt is None else float(dt), unit, how, "given")
    if isinstance(recorded.get("dt"), int | float) and 0 < recorded["dt"] < np.inf:
        return TimeStep(float(recorded["dt"]), unit, how, "metadata")
    result, seconds = evidence(nodes), TIME_UNITS[unit] or 1.0
    if result:
        if method is None and "log" in result[0].reading:
            how = "exact"
        return TimeStep(_tidy(result[0].dt * seconds), unit, how, "inferred", result)
    return TimeStep(_assumed(nodes.values(), seconds), unit, how, "assumed")


def evidence(nodes: Mapping[str, nir.NIRNode]) -> tuple[Evidence, ...]:
    """Return what the parameters of a graph indicate about its time step.

    A neuron whose ``r`` is 1 indicates nothing. Any other is read as its exporter may have meant it, ``r = tau / dt``,
    ``r = 1 / (1 - exp(-dt / tau))``, or ``r = tau exp(-dt / tau) / dt`` as rockpool writes it. A reading counts if all
    neurons then indicate the same step; of several readings, the first that gives a round number counts. A gain below 1
    would mean a step longer than the time constant, so it indicates nothing, except in rockpool's reading.

    Returns:
        The evidence, all in one reading and for one step, in the unit of the time constants; empty if there is none,
        or, with a warning, if it disagrees.

    Source: the exporters of snnTorch, SpikingJelly and rockpool.
    """
    agreeing: list[tuple[Evidence, ...]] = []
    first: tuple[Evidence, ...] = ()
    for reading in _READINGS:
        results = tuple(e for name, node in sorted(nodes.items()) for e in _of_node(name, node, reading))
        first = first or results
        steps = [e.dt for e in results]
        if steps and all(np.isfinite(steps)) and max(steps) <= min(steps) * (1 + _AGREE):
            agreeing.append(results)
    if first and not agreeing:
        announce("NIR502", "graph", "; ".join(map(str, first[:4])))
    best = next((clue for clue in agreeing if _is_round(clue[0].dt)), agreeing[0] if agreeing else ())
    below = any(np.any(getattr(n, gain) < 1) for n in nodes.values() for tau, gain in _pairs(n) if tau)
    return () if below and all(clue.reading != _ROCKPOOL for clue in best) else best


def _pairs(node: nir.NIRNode) -> list[tuple[str, str]]:
    """Return the fields of a node that may indicate a step: time constants, empty for none, and their gains."""
    if isinstance(node, nir.LIF | nir.LI):
        return [("tau", "r")]
    if isinstance(node, nir.CubaLIF | nir.CubaLI):
        return [("tau_mem", "r"), ("tau_syn", "w_in")]
    return [("", "r")] if isinstance(node, nir.IF | nir.I) else []


def _of_node(name: str, node: nir.NIRNode, reading: str) -> Iterable[Evidence]:
    for tau_name, gain_name in _pairs(node):
        gain = np.asarray(getattr(node, gain_name), dtype=np.float64)
        tau = np.asarray(getattr(node, tau_name), dtype=np.float64) if tau_name else np.ones_like(gain)
        tau, gain = np.broadcast_arrays(tau, gain)
        says = gain != 1
        if says.any():
            own = reading if tau_name and not (gain_name == "w_in" and reading == _ROCKPOOL) else _NORMALIZED
            with np.errstate(all="ignore"):
                steps = _READINGS[own](tau[says], gain[says])
            text = own.replace("tau", tau_name or "1").replace("r", gain_name) if own != _ROCKPOOL else own
            yield Evidence(name, text, float(np.min(steps)))
            if np.max(steps) != np.min(steps):
                yield Evidence(name, text, float(np.max(steps)))


def _product_logarithm(x: np.ndarray) -> np.ndarray:
    """Return the w >= 0 with w exp(w) = x, for x >= 0, by Newton's method."""
    w = np.log1p(x)
    for _ in range(32):
        w = w - (w * np.exp(w) - x) / (np.exp(w) * (1 + w))
    return w


_NORMALIZED = "dt = tau / r"
_EXACT = "dt = -tau log(1 - 1 / r)"
_ROCKPOOL = "r = tau exp(-dt / tau) / dt, dt"
_READINGS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    _NORMALIZED: lambda tau, r: tau / r,
    _EXACT: lambda tau, r: -tau * np.log1p(-1 / r),
    _ROCKPOOL: lambda tau, r: tau * _product_logarithm(1 / r),
}


def _tidy(dt: float) -> float:
    """Return the round number that a step equals up to rounding, or the step itself if there is none."""
    near = float(f"{dt:.1e}")
    return near if abs(dt / near - 1) < 1e-6 else dt


def _is_round(dt: float) -> bool:
    return dt > 0 and abs(dt / float(f"{dt:.1e}") - 1) < _AGREE


def _assumed(nodes: Iterable[nir.NIRNode], unit: float) -> float:
    timed = [n for n in nodes if isinstance(n, STATEFUL)]
    if not timed:
        return DEFAULT_DT
    if all(isinstance(n, nir.IF) for n in timed):
        problem = f"all neurons are IF with r = 1, taken as one unit of input per step: dt = {unit:g}"
        announce("NIR501", "graph", problem, f"pass dt={unit:g} to confirm this, or the intended dt")
        return unit
    announce("NIR501", "graph", f"dt = {DEFAULT_DT:g} s is assumed")
    return DEFAULT_DT
