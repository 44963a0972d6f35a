"""A net of one neuron beside its shadow: whatever the net gives is compared with what the equations give."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import assume
from torch import Tensor, nn

import snn_core as snn

from . import shadow
from .zoo import Case

ROUNDING = 1e-5  # of float32, in a membrane


class BesideShadow:
    """The net, the shadow's states, and inputs and outputs since the graph was last cut."""

    def build(self, case: Case, options: dict[str, Any]) -> None:
        """A net at rest."""
        self.case, self.options = case, options
        self.net = nn.Sequential(case.make(**options))
        self.batch, self.dtype = 3, torch.float64
        self.begin(None)

    @property
    def neuron(self) -> Any:
        return self.net[0]

    def begin(self, states: shadow.States | None) -> None:
        """A new segment of time, over which gradients are compared."""
        self.states = states if states is None else tuple(s.detach() for s in states)
        self.inputs: list[Tensor] = []
        self.outputs: list[tuple[Tensor, Tensor]] = []  # ours and the shadow's

    def kept_states(self, neuron: Any) -> shadow.States:
        return tuple(getattr(neuron, name) for name in neuron.State._fields)

    def draw_input(self, seed: int, num_steps: int, batch: int | None = None) -> Tensor:
        """Input ``[num_steps, batch, ...]``."""
        shape = (num_steps, self.batch if batch is None else batch, *self.case.shape[1:])
        noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        return (1.2 * noise + 0.4).to(self.dtype)

    def close(self, ours: Any, expected: Any) -> None:
        tolerance = 1e-9 if self.dtype == torch.float64 else 2e-4
        torch.testing.assert_close(ours, expected, rtol=tolerance, atol=tolerance)

    def follow(self, xs: Tensor, running: Tensor | None = None) -> tuple[Tensor, shadow.States]:
        """Return the shadow's outputs for ``xs``, where a sample may end before others, and its last states."""
        spks, states = [], self.states
        shadow.Spike.closest = float("inf")
        for t, x in enumerate(xs):
            before = shadow.rest(self.neuron, x) if states is None else states
            spk, states = shadow.step(self.neuron, x, states)
            if running is not None:
                runs = [running[t].reshape(-1, *[1] * (s.dim() - 1)) for s in (spk, *states)]
                spk = torch.where(runs[0], spk, torch.zeros_like(spk))
                states = tuple(torch.where(r, s, b) for r, s, b in zip(runs[1:], states, before, strict=True))
            spks.append(spk)
        assert states is not None
        assume(self.dtype == torch.float64 or shadow.Spike.closest > ROUNDING)
        return torch.stack(spks), states

    def compared(self, spk: Tensor, xs: Tensor, learn: bool, running: Tensor | None = None) -> None:
        """The spikes of some steps, and what is kept after them, against the shadow's."""
        expected, states = self.follow(xs, running)
        assert spk.dtype == expected.dtype
        ours = self.kept_states(self.neuron)
        self.close(ours, states)
        self.close(spk, expected)
        self.inputs.append(xs)
        self.outputs.append((spk, expected))
        # on from the very numbers of the net, so that a difference in rounding cannot grow
        self.states = tuple(s + (o - s).detach() for s, o in zip(states, ours, strict=True))
        if learn:
            self.learn()

    def unrolled(self, xs: Tensor, **options: Any) -> Tensor:
        """The net's spikes."""
        out = snn.unroll(self.net, xs, **options)
        return out[0] if self.neuron.output else out

    def learn(self) -> None:
        """A training step, on gradients that are the shadow's; cuts the graph."""
        if not self.outputs:
            return
        leaves = [*self.inputs, *self.net.parameters()]
        pairs = [*self.outputs, *zip(self.kept_states(self.neuron), self.states or (), strict=True)]
        ours, expected = (self.projected([pair[i] for pair in pairs], leaves) for i in (0, 1))
        self.close(ours, expected)
        snn.utils.detach(self.net)
        with torch.no_grad():
            for parameter, grad in zip(self.net.parameters(), ours[len(self.inputs) :], strict=True):
                parameter.sub_(0.01 * grad.clamp(-1, 1))
        self.begin(self.states)

    def projected(self, outputs: list[Tensor], leaves: list[Tensor]) -> list[Tensor]:
        """The gradient of a weighted sum of all outputs."""
        loss = torch.zeros((), dtype=self.dtype)
        for i, out in enumerate(outputs):
            loss = loss + (out * torch.linspace(0.5, 1 + i % 3, out.numel(), dtype=out.dtype).reshape(out.shape)).sum()
        gradients = torch.autograd.grad(loss, leaves, allow_unused=True)
        return [torch.zeros_like(w) if g is None else g for g, w in zip(gradients, leaves, strict=True)]
