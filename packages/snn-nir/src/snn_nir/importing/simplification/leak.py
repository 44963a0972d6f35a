"""The decay and gain per step of a membrane or a current of a NIR node, in float64."""

from __future__ import annotations

from typing import Any, NamedTuple

import nir
import numpy as np
import torch

from snn_nir.codes import announce
from snn_nir.graphs.metadata import read_metadata
from snn_nir.importing.building import Scheme
from snn_nir.importing.recorded import agree, constant, learned, numbers
from snn_nir.importing.time_step import TimeStep


class Leak(NamedTuple):
    """The recursion ``v' = decay * v + gain * x``, one value per neuron."""

    decay: np.ndarray
    gain: np.ndarray


def leak_of(node: Any, step: TimeStep, tau: str = "tau", r: str = "r") -> Leak:
    """Return the recursion of a node; without a time constant the decay is 1."""
    resistance = np.asarray(getattr(node, r), dtype=np.float64)
    if isinstance(node, nir.I | nir.IF):
        return Leak(np.ones_like(resistance), step.in_units * resistance)
    ratio = step.in_units / np.asarray(getattr(node, tau), dtype=np.float64)
    rise = ratio if step.method == "euler" else -np.expm1(-ratio)
    return Leak(1 - rise, rise * resistance)


def near(a: np.ndarray, b: np.ndarray, dtype: torch.dtype, scale: np.ndarray | None = None) -> bool:
    """Return True if two arrays are equal up to the rounding of a few operations on values of the size of ``scale``.

    The size is that of ``b`` if ``scale`` is None.
    """
    if np.shape(a) != np.shape(b):
        return False
    return bool((np.abs(a - b) <= 8 * torch.finfo(dtype).eps * np.abs(b if scale is None else scale)).all())


def is_one(values: np.ndarray, dtype: torch.dtype) -> bool:
    """Return True if values are 1 up to the rounding of a few operations in a dtype."""
    return near(values, np.ones_like(values), dtype)


def within_unit(decay: np.ndarray, dtype: torch.dtype) -> bool:
    """Return True if decays are in [0, 1], up to rounding, so that neurons of snn-core, which clamp them, agree."""
    return near(decay, np.clip(decay, 0, 1), dtype, scale=np.ones_like(decay))


class Recursion(NamedTuple):
    """The membrane of a node with its constants as snn-core names them; ``scale`` is its gain, or None for 1."""

    constants: dict[str, np.ndarray]
    decay: np.ndarray
    gain: np.ndarray
    scale: np.ndarray | None
    kind: str


def recursion_of(name: str, node: Any, scheme: Scheme) -> Recursion | None:
    """Return the membrane of a node, after its synaptic current if it has one.

    There is none if it rests at a potential other than 0, if a decay is not within [0, 1], or if a current is scaled on
    its way to the membrane.
    """
    constants: dict[str, np.ndarray] = {}
    cuba = isinstance(node, nir.CubaLIF | nir.CubaLI)
    leak = leak_of(node, scheme.step, "tau_mem" if cuba else "tau")
    if np.any(getattr(node, "v_leak", 0.0)) or not within_unit(leak.decay, scheme.dtype):
        return None
    gain = leak.gain
    if cuba:
        current = leak_of(node, scheme.step, "tau_syn", "w_in")
        if not within_unit(current.decay, scheme.dtype) or not is_one(leak.gain, scheme.dtype):
            return None
        constants["alpha"], gain = constant(name, node, "alpha", current.decay), current.gain
    circuit = _circuit_of(name, node, leak)
    if circuit is not None:
        return Recursion(circuit, leak.decay, gain, None, "Lapicque")
    constants["beta"] = constant(name, node, "beta", leak.decay)
    return Recursion(constants, leak.decay, gain, None if is_one(gain, scheme.dtype) else gain, "")


def _circuit_of(name: str, node: Any, leak: Leak) -> dict[str, np.ndarray] | None:
    """Return the constants of a recorded ``Lapicque``, if the node's fields agree with them; else warn.

    A learned ``beta`` replaces whichever of R and C followed from it.
    """
    metadata = read_metadata(node)
    if metadata.get("class") != "Lapicque" or not {"R", "C", "time_step"} <= metadata.keys():
        return None
    keys = ("R", "C", "time_step")
    circuit = dict(zip(keys, numbers(*(metadata[key] for key in keys)), strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = circuit["time_step"] / circuit["C"]
        decay = 1 - gain / circuit["R"]
    positive = all((values > 0).all() for values in circuit.values())
    if not (positive and agree(decay, leak.decay, decays=True) and agree(gain, leak.gain)):
        announce("NIR304", f"node {name!r}", "R, C and time step of a Lapicque")
        return None
    if "beta" in learned(node) and metadata.get("derived") in ("R", "C"):
        (beta,) = numbers(metadata.get("beta"))
        # whichever of R and C follows from beta may have been rounded to 8 bits, in bfloat16
        if agree(beta, np.exp(-gain / circuit["R"]), rtol=2.0**-4):
            del circuit[str(metadata["derived"])]
            circuit["beta"] = beta
        else:
            announce("NIR304", f"node {name!r}", "the learned beta of a Lapicque")
    return circuit
