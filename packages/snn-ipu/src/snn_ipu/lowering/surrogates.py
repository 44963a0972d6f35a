"""Descriptions of surrogate gradients: a closed form by name, any other derivative by its operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from snn_core import surrogate
from snn_core.surrogate import Surrogate
from snn_ipu.issues import Found
from snn_ipu.lowering.recording import OperationRecorder
from snn_ipu.program.spiking import CLOSED_FORMS, takes

__all__ = ["Recorded", "described"]

_CLOSED = tuple(getattr(surrogate, name) for name in CLOSED_FORMS)


@dataclass(frozen=True)
class Recorded(Surrogate):
    """A surrogate that records itself when it is called."""

    recorder: OperationRecorder
    description: dict[str, Any]

    def __call__(self, x: Tensor) -> Tensor:
        with self.recorder.paused():
            spk = (x.detach() > 0).to(x.dtype).requires_grad_()
        self.recorder.write("spike", [x], {}, spk, surrogate=self.description)
        return spk


def described(spike_grad: Surrogate, floating: torch.dtype, path: str = "") -> dict[str, Any]:
    """Return the description of a surrogate for a program; ``path`` is that of its neuron.

    Returns:
        ``{"name", "params"}`` for a closed form, ``{"name": "injected", "ops", "out"}`` for another derivative,
        ``{"name": "none"}`` for spikes without gradient.

    Example:
        >>> described(surrogate.fast_sigmoid(slope=10), torch.float32)
        {'name': 'fast_sigmoid', 'params': [10.0]}
    """
    name = type(spike_grad).__name__
    if type(spike_grad) is surrogate.no_gradient:
        return {"name": "none"}
    if type(spike_grad) in _CLOSED and takes(name, spike_grad.params):
        return {"name": name, "params": list(spike_grad.params)}

    def refusal(why: str) -> Found:
        message = f"the surrogate {name} cannot be lowered: {why}"
        return Found("IPU003", path, message, "use one of snn_core.surrogate")

    u = torch.linspace(-2, 2, 30, dtype=floating).reshape(5, 6)
    if not _is_derivative(spike_grad, u):
        raise refusal("its gradient is not a derivative times the incoming gradient")
    recorder = OperationRecorder(nn.Identity(), {}, set(), floating)
    recorder.trail = [path]
    u = recorder.fresh(u, "u")
    with recorder.recording(), torch.random.fork_rng(devices=[]):
        out = recorder.name_of(spike_grad.backward(u, torch.ones_like(u), (u > 0).to(u.dtype)))
    if recorder.constants:
        raise refusal("its derivative uses tensors of its own")
    return {"name": "injected", "ops": recorder.ops, "out": out}


def _is_derivative(spike_grad: Surrogate, u: Tensor) -> bool:
    """Return True if the gradient is the incoming one times a function of u alone, element by element."""
    spk = (u > 0).to(u.dtype)
    incoming = torch.linspace(-3, 5, u.numel(), dtype=u.dtype).reshape(u.shape)
    with torch.no_grad():
        gradient, unit = (_backward(spike_grad, u, grad, spk) for grad in (incoming, torch.ones_like(u)))
    return torch.allclose(gradient, incoming * unit, rtol=1e-3, atol=1e-6)


def _backward(spike_grad: Surrogate, u: Tensor, grad: Tensor, spk: Tensor) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return spike_grad.backward(u, grad, spk)
