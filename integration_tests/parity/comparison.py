"""Both packages side by side: the same weights, the same input, spikes, states and gradients of each."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from zlib import crc32

import snntorch as peer
import torch
from torch import Tensor, nn

import snn_core as ours

from .cases import Case, Kind, Rounding

MARGIN = 1e-4  # of a membrane from its threshold, in every step
LEVEL_MARGIN = 1e-5  # of a quantized state from the border between two levels


@dataclass(frozen=True)
class Draw:
    """Random input and initial states of one case; no states means at rest."""

    xs: Tensor
    states: tuple[Tensor, ...]

    def leaves(self) -> Draw:
        return Draw(_leaf(self.xs), tuple(_leaf(state) for state in self.states))


@dataclass(frozen=True)
class Outcome:
    """A neuron's run: spikes and states of every step, and the gradient of one fixed projection of them."""

    spk: Tensor
    states: tuple[Tensor, ...]
    grads: dict[str, Tensor]


class Watched:
    """The peer's surrogate of a neuron, which remembers how close its argument came to 0."""

    def __init__(self, surrogate: Any, winners: bool) -> None:
        self.surrogate = surrogate
        self.winners = winners
        self.margin = float("inf")

    def __call__(self, x: Tensor) -> Tensor:
        self.margin = min(self.margin, float(x.detach().abs().min()))
        if self.winners:  # by how much the winner along axis 1 wins
            best = x.detach().topk(2, dim=1).values
            self.margin = min(self.margin, float((best[:, 0] - best[:, 1]).min()))
        return self.surrogate(x)


def _leaf(x: Tensor) -> Tensor:
    return x.detach().clone().requires_grad_()


def draw(case: Case, seed: int) -> Draw:
    """Input between a negative value and the kind's drive; odd seeds also draw initial states."""
    kind = case.kind
    generator = torch.Generator().manual_seed(crc32(f"{case} {seed}".encode()))
    quiet = kind.quiet is not None and not case.get("reset_delay") and case.get("reset_mechanism") == "subtract"
    high = kind.quiet if quiet and kind.quiet else kind.drive
    xs = high * (1.3 * torch.rand((kind.num_steps, *kind.shape), generator=generator) - 0.3)
    if seed % 2 == 0:
        return Draw(xs, ())
    states = [0.8 * torch.rand(kind.stated, generator=generator) for _ in range(kind.states)]
    if kind.neuron.startswith("R"):  # the first state of a recurrent neuron is a spike
        states[0] = (states[0] > 0.5).float()
    if quiet:
        states = [state * high for state in states]
    return Draw(xs, tuple(states))


def pair(case: Case, seed: int) -> tuple[nn.Module, nn.Module]:
    """The neuron of both packages, with the peer's weights in both."""
    torch.manual_seed(seed)
    peer_neuron = case.build(peer)
    neuron = case.build(ours)
    neuron.load_state_dict(peer_neuron.state_dict(), strict=True)
    return neuron, peer_neuron


def call(kind: Kind, neuron: nn.Module, x: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """One step with explicit states, in the convention that both packages share."""
    if kind.neuron == "DeltaLeaky":
        spk, states = neuron(x, tuple(states) or (None, None))
        return spk, tuple(states)
    if kind.neuron.startswith("R"):
        spk, *rest = neuron(x, *states)
        return spk, (spk, *rest)
    spk, *rest = neuron(x, *states)
    return spk, tuple(rest)


def outcome(kind: Kind, neuron: nn.Module, start: Draw, *, grad: bool = True) -> Outcome:
    """The loop over time that users write, and its gradients."""
    start = start.leaves()
    spks, trace, states = [], [], start.states
    for x in start.xs:
        spk, states = call(kind, neuron, x, states)
        spks.append(spk)
        trace.append(states)
    spk = torch.stack(spks)
    stacked = tuple(torch.stack(field) for field in zip(*trace, strict=True))
    grads = gradients(neuron, (spk, *stacked), {"input": start.xs, **_named(start.states)}) if grad else {}
    return Outcome(spk.detach(), tuple(field.detach() for field in stacked), grads)


def _named(states: Iterable[Tensor]) -> dict[str, Tensor]:
    return {f"state {index}": state for index, state in enumerate(states)}


def gradients(neuron: nn.Module, outputs: Iterable[Tensor], leaves: dict[str, Tensor]) -> dict[str, Tensor]:
    """Gradient of a fixed random projection of ``outputs`` to ``leaves`` and to every parameter, by name."""
    generator = torch.Generator().manual_seed(7)
    loss = sum((out * torch.randn(out.shape, generator=generator)).sum() for out in outputs)
    learned = {name: p for name, p in neuron.named_parameters() if p.requires_grad}
    tensors = {**leaves, **{"V" if name == "recurrent.V" else name: p for name, p in learned.items()}}
    gradients = torch.autograd.grad(loss, list(tensors.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(tensors, gradients, strict=True))


def clear_margin(case: Case, peer_neuron: nn.Module, start: Draw) -> bool:
    """Check that rounding cannot decide a spike, and that no membrane stays above its threshold where that matters.

    Without a delay the peer undoes a reset in the step after, when a membrane is still above its threshold; that
    is a difference of its own, so a draw that comes to it is none for the comparison.
    """
    watched = Watched(peer_neuron.spike_grad, case.get("inhibition"))
    peer_neuron.spike_grad = watched
    states, above = start.states, False
    with torch.no_grad():
        for x in start.xs:
            _, states = call(case.kind, peer_neuron, x, states)
            above = above or (hasattr(peer_neuron, "reset") and bool(peer_neuron.reset.any()))
    peer_neuron.spike_grad = watched.surrogate
    lingers = above and not case.get("reset_delay") and case.get("reset_mechanism") != "none"
    levels = peer_neuron.state_quant.margin if isinstance(peer_neuron.state_quant, Rounding) else float("inf")
    return watched.margin > MARGIN and levels > LEVEL_MARGIN and not lingers


def accepted(case: Case, parity: int) -> tuple[Outcome, Outcome]:
    """The outcome of either package on the first draw whose spikes rounding cannot decide."""
    for seed in count(parity, 2):
        assert seed < 20, f"{case}: no draw has a clear margin"
        start = draw(case, seed)
        neuron, peer_neuron = pair(case, seed)
        if clear_margin(
            case, copy.deepcopy(peer_neuron), start
        ):  # a copy: the peer goes on from the state it was left in
            return outcome(case.kind, neuron, start), outcome(case.kind, peer_neuron, start)
    raise AssertionError


def assert_same(neuron: Outcome, expected: Outcome) -> None:
    """Spikes identical, states within 1e-5, each gradient within 1e-5 of its own largest magnitude."""
    assert torch.equal(neuron.spk, expected.spk), "spikes differ"
    for index, (left, right) in enumerate(zip(neuron.states, expected.states, strict=True)):
        assert_close(left, right, 1e-5, f"state {index}")
    assert neuron.grads.keys() == expected.grads.keys()
    for name, right in expected.grads.items():
        assert_close(neuron.grads[name], right, 1e-5 * max(float(right.abs().max()), 1e-3), f"gradient of {name}")


def assert_close(left: Tensor, right: Tensor, atol: float, what: str) -> None:
    torch.testing.assert_close(left, right, rtol=0, atol=atol, msg=lambda text: f"{what}: {text}")
