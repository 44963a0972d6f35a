"""A neuron of one's own is one equation; the zoo holds two of them to the whole contract, this file to the facts."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

from .zoo import call_loop, close


class LinearLeak(snn.SpikingNeuron):
    """Its membrane leaks towards 0 by a fixed amount a step."""

    class State(NamedTuple):
        mem: Tensor

    def __init__(self, leak: float, *, learn_leak: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.constant("leak", leak, learn=learn_leak)

    def integrate(self, x: Tensor, state: State) -> State:
        return state._replace(mem=(state.mem - self.leak).clamp_min(0) + x)


def test_the_equation_is_all_that_it_takes() -> None:
    # U: 0.75; 0.5 + 0.75 = 1.25 fires; 1.0 + 0.75 - 1 = 0.75; 0.5 + 0.75 = 1.25 fires
    spk, trace = LinearLeak(0.25).unroll(torch.full((4, 1, 1), 0.75), trace=True)
    assert spk.flatten().tolist() == [0, 1, 0, 1]
    assert trace.mem.flatten().tolist() == [0.75, 1.25, 0.75, 1.25]


def test_every_option_of_the_base_class_works() -> None:
    # zero: 0.75; 1.25 fires; cleared + 0.75; 1.25 fires. At once: 0.75; 1.25 fires -> 0.25; 0 + 0.75; 0.5 + 0.75 fires
    def spikes(**options: Any) -> list[float]:
        return LinearLeak(0.25, **options).unroll(torch.full((4, 1, 1), 0.75))[0].flatten().tolist()

    assert spikes(reset_mechanism="zero") == [0, 1, 0, 1]
    assert spikes(reset_mechanism="none") == [0, 1, 1, 1]
    assert spikes(reset_delay=False) == [0, 1, 0, 1]
    assert spikes(threshold=2.0) == [0, 0, 0, 1]
    assert spikes(graded_spikes_factor=0.5) == [0, 0.5, 0, 0.5]
    assert spikes(state_quant=torch.round) == [0, 1, 1, 1]


def test_its_constants_learn_and_are_saved() -> None:
    neuron = LinearLeak(1, learn_leak=True)
    assert [name for name, _ in neuron.named_parameters()] == ["leak"]
    assert "leak" in neuron.state_dict()
    neuron.unroll(torch.full((4, 1, 1), 1.5))[0].sum().backward()
    assert neuron.leak.grad.item() < 0


def test_in_a_net_it_runs_layer_by_layer() -> None:
    net = nn.Sequential(nn.Linear(5, 4), LinearLeak(0.25, init_hidden=True), nn.Linear(4, 3)).double()
    xs = torch.randn(7, 3, 5, dtype=torch.float64)
    outputs, schedule = snn.unroll(net, xs, explain=True)
    assert schedule.kind == "layers"
    assert "LinearLeak" in str(schedule)
    close(outputs, call_loop(net, xs))


def test_a_forward_of_its_own_is_respected() -> None:
    class Loud(LinearLeak):
        def forward(self, input_: Tensor, *states: Any, **named: Any) -> Any:
            return 2 * super().forward(input_, *states, **named)

    net = nn.Sequential(nn.Linear(5, 4), Loud(0.25, init_hidden=True)).double()
    xs = 3 * torch.randn(7, 3, 5, dtype=torch.float64)
    outputs = snn.unroll(net, xs)
    assert outputs.max() == 2
    close(outputs, call_loop(net, xs))


def test_a_step_of_its_own_is_respected() -> None:
    class Silent(snn.Leaky):
        def step(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
            spk, state = super().step(x, state)
            return 0 * spk, state

    net = nn.Sequential(Silent(0.9, init_hidden=True))
    xs = torch.full((4, 1, 3), 2.0)
    assert call_loop(net, xs).sum() == 0
    assert snn.unroll(net, xs).sum() == 0
    assert Silent(0.9).unroll(xs)[0].sum() == 0


def test_recurrence_wraps_around_any_neuron() -> None:
    class Recurring(snn.Recurrent, LinearLeak):
        class State(NamedTuple):
            spk: Tensor
            mem: Tensor

        def __init__(self, leak: float, **options: Any) -> None:
            super().__init__(leak, **options)
            self.connect(V=-0.5, all_to_all=False)

    # U: 0.75; 1.25 fires; 1.0 + 0.75 - 0.5 - 1 = 0.25; 0 + 0.75
    spk, last = Recurring(0.25).unroll(torch.full((4, 1, 1), 0.75))
    assert spk.flatten().tolist() == [0, 1, 0, 0]
    assert last.mem.item() == 0.75


def test_what_is_missing_is_named() -> None:
    class Stateless(snn.SpikingNeuron):
        pass

    with pytest.raises(TypeError, match=r"Stateless.*State.*NamedTuple"):
        Stateless()

    class Equationless(snn.SpikingNeuron):
        class State(NamedTuple):
            mem: Tensor

    with pytest.raises(NotImplementedError, match=r"Equationless.*integrate"):
        Equationless().step(torch.ones(1, 1))
