"""A fused kernel of Leaky, written out independently of the package's own step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

import torch
from torch import Tensor

from snn_core import kernels, surrogate
from snn_core.kernels import SequenceCall, registry


class HandWritten:
    """Leaky by hand, that notes every call: ``("forward", save)`` or ``("backward", which gradients came)``."""

    name, device = "by hand", "cpu"

    def __init__(self, family: str = "leaky", refuse: str | None = None) -> None:
        self.family, self.refuse = family, refuse
        self.calls: list[tuple] = []

    def refuses(self, call: SequenceCall) -> str | None:
        return self.refuse

    def forward(
        self,
        call: SequenceCall,
        x: Tensor,
        states: Sequence[Tensor],
        constants: Sequence[Tensor],
        trace: bool,
        save: bool,
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        self.calls.append(("forward", save))
        beta, theta = self._constants(constants)
        (mem,), spks, mems = states, [], []
        for drive in x:
            fired = (mem > theta).to(x.dtype)
            if call.reset_delay and call.reset == "zero":
                mem = mem * (1 - fired)
            mem = beta * mem + drive
            if call.reset_delay and call.reset == "subtract":
                mem = mem - fired * theta
            spk = (mem > theta).to(x.dtype)
            if not call.reset_delay and call.reset != "none":
                mem = mem - spk * theta if call.reset == "subtract" else mem * (1 - spk)
            spks.append(spk)
            mems.append(mem)
        out = torch.stack(spks), torch.stack(mems) if trace else mem.clone()
        return out, (torch.stack([states[0], *mems[:-1]]),) if save else ()

    def backward(
        self,
        call: SequenceCall,
        grads: Sequence[Tensor | None],
        x: Tensor,
        states: Sequence[Tensor],
        constants: Sequence[Tensor],
        saved: Sequence[Tensor],
        trace: bool,
        needs: Sequence[bool],
    ) -> tuple[Tensor | None, ...]:
        """Backpropagation through time of Leaky, derived by hand."""
        self.calls.append(("backward", tuple(g is not None for g in grads)))
        beta, theta = self._constants(constants)
        slope = getattr(surrogate, call.surrogate)(*call.params).derivative
        (before,) = saved
        g_spk = torch.zeros_like(x) if grads[0] is None else grads[0]
        g_out = torch.zeros_like(x) if grads[1] is None or not trace else grads[1]
        g_mem = torch.zeros_like(states[0]) if grads[1] is None or trace else grads[1]
        g_x, g_beta, g_theta = torch.empty_like(x), torch.zeros_like(g_mem), torch.zeros_like(g_mem)
        for t in reversed(range(len(x))):
            g_mem = g_mem + g_out[t]
            fired = (before[t] > theta).to(x.dtype)
            remaining = before[t] * (1 - fired) if call.reset_delay and call.reset == "zero" else before[t]
            full = beta * remaining + x[t]  # the membrane before any subtraction
            if call.reset_delay or call.reset == "none":
                delayed = fired if call.reset == "subtract" else torch.zeros_like(fired)
                d = slope(full - delayed * theta - theta)
                g_theta -= g_spk[t] * d
                g_mem = g_mem + g_spk[t] * d
                g_theta -= g_mem * delayed
            else:  # U = V - F theta, or (1 - F) V, with the gradient of F
                d, now = slope(full - theta), (full > theta).to(x.dtype)
                g_fired = g_spk[t] - g_mem * (theta if call.reset == "subtract" else full)
                g_theta -= g_fired * d + (g_mem * now if call.reset == "subtract" else 0)
                g_mem = g_mem * (1 if call.reset == "subtract" else 1 - now) + g_fired * d
            g_x[t] = g_mem
            g_beta += g_mem * remaining
            g_mem = g_mem * beta
            if call.reset_delay and call.reset == "zero":
                g_mem = g_mem * (1 - fired)
        own = dict(zip(registry.FAMILIES[self.family].constants, constants, strict=True))
        by_name = {"beta": g_beta, "threshold": g_theta}
        every = g_x, g_mem, *(by_name[name].sum_to_size(value.shape) for name, value in own.items())
        return tuple(g if needed else None for g, needed in zip(every, needs, strict=True))

    def _constants(self, constants: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        own = dict(zip(registry.FAMILIES[self.family].constants, constants, strict=True))
        return own["beta"].clamp(0, 1), own["threshold"]


@contextmanager
def offered(*by_hand: HandWritten) -> Iterator[None]:
    """These kernels registered, in this order, and no other one, such as an installed package's."""
    kernels.status()  # whatever is installed registers now or never
    with mock.patch.object(registry, "_OFFERED", {}):
        for kernel in by_hand:
            kernels.register(kernel.family, kernel)
        yield
        for kernel in by_hand:
            kernels.unregister(kernel.family, kernel)
