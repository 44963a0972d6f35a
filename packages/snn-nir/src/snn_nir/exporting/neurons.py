"""What all neurons share on their way to NIR: options that cannot go, constants for the metadata, spikes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import nir
import numpy as np
import torch
from torch import nn

from snn_core import SpikingNeuron
from snn_core.surrogate import Surrogate
from snn_nir.codes import refusal
from snn_nir.exporting.decays import Leak, broadcast
from snn_nir.exporting.drawing import Drawing, Signal
from snn_nir.exporting.settings import Settings
from snn_nir.graphs.metadata import node_metadata

_CONSTANTS = ("alpha", "threshold", "R", "C", "time_step")
_LEFT_OUT = {
    "inhibition": "one neuron's spikes depend on the others'",
    "state_quant": "states are quantised",
    "drops_input": "a reset to zero clears the input of its step",
}
_LEARNABLE = ("alpha", "beta", "threshold", "graded_spikes_factor", "recurrent.V")


class Inside(NamedTuple):
    """A state that leaves no NIR node, and why."""

    where: str
    why: str


Ports = dict[str, Any]  # Signal or Inside by "spk" and the names of the states


class Neuron:
    """One neuron being drawn.

    Args:
        module: The neuron.
        name: Where it is in the network.
        drawing: The graph.
        shape: Of its state, without the batch axis.
        dtype: Of its state.
        wanted: Outputs that the network uses, of ``"spk"`` and the states.

    Raises:
        NIRError: ``NIR402`` for an option that NIR cannot express.
    """

    def __init__(
        self,
        module: Any,
        name: str,
        drawing: Drawing,
        shape: tuple[int, ...],
        dtype: torch.dtype,
        wanted: Collection[str],
    ) -> None:
        self.module = module
        self.name = name
        self.where: str = f"{name!r} ({_kind(module).__name__})"
        self.drawing = drawing
        self.settings: Settings = drawing.settings
        self.shape = shape
        self.dtype = dtype
        self.wanted = wanted
        self.recurrent: bool = hasattr(module, "recurrent")
        self.lost: list[str] = [text for text in map(self._left_out, _LEFT_OUT) if text]
        self.threshold: np.ndarray = broadcast(module.threshold, shape, self.where)
        self.graded: np.ndarray = broadcast(module.graded_spikes_factor, shape, self.where)
        self.single = True  # whether it is one node, which bears the module's own name

    def _left_out(self, option: str) -> str | None:
        value = getattr(self.module, option, False)  # older neurons drop no input
        if not value:
            return None
        text = value if isinstance(value, bool) else f"{value!r:.80}"
        return self.drawing.leave_out("NIR402", self.where, f"{option}={text}: {_LEFT_OUT[option]}")

    def leak(self, decay: torch.Tensor, gain: np.ndarray | float = 1.0) -> Leak:
        """An exponential of this neuron."""
        return Leak(broadcast(decay, self.shape, self.where), self.settings, self.dtype, self.where, gain)

    def constant(self, value: torch.Tensor) -> np.ndarray:
        """A constant, one value for every neuron."""
        return broadcast(value, self.shape, self.where)

    def add(self, part: str, make: Callable[..., Any], *inputs: Signal, main: bool = False) -> Signal:
        """Put one node.

        Args:
            part: Which part of the neuron it is.
            make: Makes the node from its metadata.
            *inputs: What it takes.
            main: Whether it bears the neuron's constants.

        Returns:
            What it gives.
        """
        alone = self.single and part == "neuron"
        entries: dict[str, Any] = {"class": _kind(self.module).__name__}
        if not alone:
            entries |= {"group": self.name, "part": part}
        if main:
            entries |= self._record()
        if main or part == "spk":
            entries |= self._surrogate()
        wanted = self.name if alone else f"{self.name}.{'lif' if part == 'neuron' else part}"
        name = self.drawing.add(wanted, make(metadata=node_metadata(**entries)), *inputs)
        return Signal((name,), self.shape, self.dtype)

    def _record(self) -> dict[str, Any]:
        module = self.module
        learned = [n for n in _LEARNABLE if isinstance(_attribute(module, n), nn.Parameter)]
        entries: dict[str, Any] = {
            "reset": module.reset_name,
            "reset_delay": bool(module.reset_delay),
            "beta": module.membrane_decay,
            **{name: getattr(module, name) for name in _CONSTANTS if hasattr(module, name)},
            "graded": module.graded_spikes_factor,
            "V": _attribute(module, "recurrent.V"),
            "learned": " ".join(n.removeprefix("recurrent.") for n in learned) or None,
            "lost": "\n".join(self.lost) or None,
        }
        if hasattr(module, "alpha"):
            entries["alpha"] = module.alpha.clamp(0, 1)
        return entries

    def _surrogate(self) -> dict[str, Any]:
        grad = self.module.spike_grad
        if not (isinstance(grad, Surrogate) and type(grad).__module__.startswith("snn_core.surrogate")):
            return {}  # a function of the user's own, which a file cannot hold
        params = np.array(grad.params) if grad.params else None
        return {"spike_grad": type(grad).__name__, "spike_grad_params": params}

    def fire(self, *membranes: Signal) -> Signal:
        """Spikes of a membrane that no node resets, ungraded."""
        threshold = self.threshold.astype(_type(self.dtype))
        return self.add("spk", lambda **m: nir.Threshold(threshold=threshold, **m), *membranes)

    def scale(self, part: str, factor: np.ndarray, signal: Signal) -> Signal:
        """A signal times a factor of every neuron."""
        values = np.broadcast_to(factor, self.shape).astype(_type(self.dtype))
        return self.add(part, lambda **m: nir.Scale(scale=values, **m), signal)

    def graded_spikes(self, fired: Signal) -> Signal:
        """Spikes with their amplitude."""
        learned = isinstance(self.module.graded_spikes_factor, nn.Parameter)
        return self.scale("graded", self.graded, fired) if learned or (self.graded != 1).any() else fired

    def inside(self, state: str) -> Inside:
        """Why a state cannot be had."""
        return Inside(self.where, f"the state {state!r}")

    def check_rests_silent(self) -> None:
        """Refuse a recurrent neuron that would fire at rest: its graph would feed that spike back in the first step."""
        if self.recurrent and (self.threshold < 0).any():
            found = f"a threshold of {self.threshold.min():.6g} with recurrence and this reset: it fires at rest"
            raise refusal("NIR402", self.where, found, "use a threshold of at least 0, or reset_mechanism='zero'")


def _kind(module: Any) -> type[SpikingNeuron]:
    return nn.utils.parametrize.type_before_parametrizations(module)


def _attribute(module: Any, path: str) -> Any:
    for name in path.split("."):
        module = getattr(module, name, None)
    return module


def _type(dtype: torch.dtype) -> type[np.floating]:
    return np.float64 if dtype == torch.float64 else np.float32
