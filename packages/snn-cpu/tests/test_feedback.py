"""Feedback that is recognized in step programs, and everything that is not."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core.neuron import constants_of
from snn_cpu.feedback import feedback_of


class Adapting(snn.Leaky):
    """A neuron of a user's own, with two states."""

    class State(NamedTuple):
        mem: Tensor
        slow: Tensor

    def integrate(self, x: Tensor, state: Any) -> Any:
        mem = self.beta * state.mem + torch.tanh(x) - 0.1 * state.slow
        return state._replace(mem=mem, slow=0.9 * state.slow + mem)


class Recurring(snn.Recurrent, Adapting):
    """The same, all connected to each other."""

    class State(NamedTuple):
        spk: Tensor
        mem: Tensor
        slow: Tensor

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.connect(linear_features=5)


class Listening(Recurring):
    """One whose equation also reads the spikes of the step before."""

    def integrate(self, x: Tensor, state: Any) -> Any:
        return super().integrate(x + 0.1 * state.spk, state)


class Doubled(snn.Leaky):
    """One that feeds its membrane potential back."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.fc = nn.Linear(5, 5)

    def integrate(self, x: Tensor, state: Any) -> Any:
        return super().integrate(x + self.fc(state.mem), state)


def program(neuron: Any) -> Any:
    return snn.program(neuron, sample=(5,))


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize(
    "make", [lambda **o: snn.RLeaky(beta=0.9, linear_features=5, **o), lambda **o: Recurring(beta=0.9, **o)]
)
def test_the_program_without_the_layer_is_that_of_the_neuron_without_it(make: Any, reset: str, learned: bool) -> None:
    options = {"reset_mechanism": reset, "learn_beta": learned, "learn_threshold": learned}
    neuron = make(**options)
    feedback = feedback_of(program(neuron))
    assert feedback is not None
    alone = (snn.Leaky if isinstance(neuron, snn.RLeaky) else Adapting)(beta=0.9, **options)
    expected = snn.program(alone)
    constants, generator = dict(constants_of(neuron)), torch.Generator().manual_seed(0)
    inputs = {name: torch.randn(3, 5, generator=generator) for name in ("x", "d emitted", *alone.State._fields)}
    inputs |= {f"d {name}": torch.randn(3, 5, generator=generator) for name in alone.State._fields}
    results = []
    for step in (feedback.alone, expected):
        values = inputs | step.once.run(constants)
        computed = step.forward.run(values) | step.backward.run(values)
        results.append({name: torch.as_tensor(computed[name]) for name in ("emitted", "d x", *step.states)})
        results[-1]["sums"] = torch.stack([torch.as_tensor(computed[n]).sum() for n in step.sums] or [torch.ones(())])
    torch.testing.assert_close(*results)
    assert (feedback.place, feedback.amplitude, feedback.amplitude_sum) == (0, "graded_spikes_factor", None)


def test_a_learned_amplitude_has_a_sum_of_its_own() -> None:
    neuron = snn.RLeaky(beta=0.9, linear_features=5, learn_beta=True, learn_graded_spikes_factor=True)
    feedback = feedback_of(program(neuron))
    assert feedback is not None
    assert feedback.amplitude_sum in program(neuron).sums
    assert feedback.amplitude_sum not in feedback.alone.sums
    assert len(feedback.alone.sums) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: Listening(beta=0.9),
        lambda: Doubled(beta=0.9),
        lambda: snn.SLSTM(5, 5),
        lambda: snn.RLeaky(beta=0.9, linear_features=5, max_delay=2),
    ],
    ids=["reads spikes", "feeds back a membrane", "SLSTM", "delays"],
)
def test_any_other_connection_is_none(make: Any) -> None:
    assert feedback_of(program(make())) is None
