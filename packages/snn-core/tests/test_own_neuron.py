"""A neuron of one's own is one equation; the zoo holds two of them to the whole contract, this file to the facts."""

from __future__ import annotations

import inspect
from collections import namedtuple
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import snn_core as snn

from .zoo import NEURONS, Case, call_loop, close


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


def test_a_custom_forward_is_respected() -> None:
    class Loud(LinearLeak):
        def forward(self, input_: Tensor, *states: Any, **named: Any) -> Any:
            return 2 * super().forward(input_, *states, **named)

    net = nn.Sequential(nn.Linear(5, 4), Loud(0.25, init_hidden=True)).double()
    xs = 3 * torch.randn(7, 3, 5, dtype=torch.float64)
    outputs = snn.unroll(net, xs)
    assert outputs.max() == 2
    close(outputs, call_loop(net, xs))


def test_a_custom_step_is_respected() -> None:
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


def kind_of(case: Case) -> Any:
    return getattr(case.constructor, "func", case.constructor)


def inside(case: Case, mixin: Any, field: str) -> Case:
    """The case of a neuron with a mix-in before it, and the mix-in's state before the neuron's."""
    kind = kind_of(case)

    class Mixed(mixin, kind):
        State = namedtuple("State", (field, *kind.State._fields))

    order = inspect.signature(kind).parameters
    args, options = getattr(case.constructor, "args", ()), getattr(case.constructor, "keywords", {})
    return replace(case, constructor=partial(Mixed, **dict(zip(order, args, strict=False)), **options))


# cells whose states have another shape than their input take no mix-in, nor does a neuron take the same one twice
OF_ONE_SHAPE = [case for case in NEURONS if case.spk_shape is None and case.fires]
NOT_RECURRENT = [case for case in OF_ONE_SHAPE if "spk" not in kind_of(case).State._fields]
NOT_REFRACTORY = [case for case in OF_ONE_SHAPE if "wait" not in kind_of(case).State._fields]


@pytest.mark.parametrize("case", NOT_RECURRENT, ids=str)
def test_a_recurrent_neuron_is_the_neuron_with_its_spikes_added_to_the_input(case: Case) -> None:
    plain, recurrent, xs = case.make(), inside(case, snn.Recurrent, "spk").make(), case.input(20)
    recurrent.connect(V=-0.5, all_to_all=False)
    recurrent.double()
    spk, state, expected = torch.zeros_like(xs[0]), None, []
    for x in xs:
        spk, state = plain.step(x - 0.5 * spk, state)
        expected.append(spk)
    spikes, last = recurrent.unroll(xs)
    close(spikes, torch.stack(expected))
    close(tuple(last), (spk, *state))
    out = recurrent(xs[0])
    for x in xs[1:]:
        out = recurrent(x, *case.states(out))
    close(out, (spk, *state))


@pytest.mark.parametrize("case", NOT_REFRACTORY, ids=str)
def test_any_neuron_of_the_zoo_may_be_refractory(case: Case) -> None:
    plain, refractory, xs = case.make(), inside(case, snn.Refractory, "wait"), case.input(30)
    expected, states = plain.unroll(xs, trace=True)
    neuron = refractory.make(refractory_period=0)
    spikes, (_, *own) = neuron.unroll(xs, trace=True)
    close((spikes, own), (expected, [*states]))
    fired = refractory.make(refractory_period=2).unroll(xs)[0] != 0
    assert fired.any()
    assert not (fired[1:] & fired[:-1]).any()
    assert not (fired[2:] & fired[:-2]).any()
    if not case.recurrent:
        out = neuron(xs[0])
        for x in xs[1:]:
            out = neuron(x, *out[1:])
        close(tree_leaves(out)[:1] + tree_leaves(out)[2:], [expected[-1], *(s[-1] for s in states)])


def test_missing_parts_are_named() -> None:
    class Stateless(snn.SpikingNeuron):
        pass

    with pytest.raises(TypeError, match=r"Stateless.*State.*NamedTuple"):
        Stateless()

    class Equationless(snn.SpikingNeuron):
        class State(NamedTuple):
            mem: Tensor

    with pytest.raises(NotImplementedError, match=r"Equationless.*integrate"):
        Equationless().step(torch.ones(1, 1))

    class Classless(snn.SpikingNeuron):
        class State:
            mem: Tensor

    with pytest.raises(TypeError, match=r"Classless.*State.*NamedTuple"):
        Classless()


@pytest.mark.parametrize("output", [torch.zeros(2, 3), (torch.zeros(2, 3),)], ids=["a tensor", "a plain tuple"])
@pytest.mark.parametrize("reset", ["subtract", "zero", "none"])
@pytest.mark.parametrize("delay", [True, False])
def test_an_equation_that_returns_no_state_is_named(output: Any, reset: str, delay: bool) -> None:
    class Loose(snn.SpikingNeuron):
        class State(NamedTuple):
            mem: Tensor

        def integrate(self, x: Tensor, state: Any) -> Any:
            return output

    neuron = Loose(reset_mechanism=reset, reset_delay=delay)
    message = rf"Loose\.integrate must return self\.State\(mem\), got {type(output).__name__}"
    with pytest.raises(TypeError, match=message):
        neuron.step(torch.ones(2, 3))
    with pytest.raises(TypeError, match=message):
        neuron.unroll(torch.ones(4, 2, 3))


def test_a_state_without_mem_needs_the_methods_that_its_reset_uses() -> None:
    class Volts(snn.SpikingNeuron):
        class State(NamedTuple):
            v: Tensor

        def integrate(self, x: Tensor, state: State) -> State:
            return state._replace(v=state.v / 2 + x)

    message = r"has no state 'mem' among v; with reset_mechanism='{}' it must define {}"
    for reset, methods in (("subtract", "membrane and subtract"), ("zero", "membrane and clear"), ("none", "membrane")):
        with pytest.raises(TypeError, match=message.format(reset, methods)):
            Volts(reset_mechanism=reset)

    class Read(Volts):
        def membrane(self, state: Any) -> Tensor:
            return state.v

    silent = Read(reset_mechanism="none")
    # v: 0.75; 0.375 + 0.75 = 1.125 fires; 0.5625 + 0.75 = 1.3125 fires
    assert silent.unroll(torch.full((3, 1, 1), 0.75))[0].flatten().tolist() == [0, 1, 1]
    with pytest.raises(TypeError, match=message.format("zero", "membrane and clear")):
        silent.reset_mechanism = "zero"
    assert silent.reset_mechanism == "none"

    class Whole(Read):
        def subtract(self, state: Any, amount: Tensor) -> Any:
            return state._replace(v=state.v - amount)

    # v: 0.75; 1.125 fires; 0.5625 + 0.75 - 1 = 0.3125
    assert Whole().unroll(torch.full((3, 1, 1), 0.75))[0].flatten().tolist() == [0, 1, 0]


def test_the_class_of_a_surrogate_is_not_a_surrogate() -> None:
    with pytest.raises(TypeError, match=r"LinearLeak: spike_grad must be a surrogate, not its class; pass atan\(\)"):
        LinearLeak(0.25, spike_grad=snn.surrogate.atan)


@pytest.mark.parametrize("case", NEURONS, ids=str)
@pytest.mark.parametrize("options", [{}, {"init_hidden": True}, {"init_hidden": True, "output": True}], ids=str)
def test_a_call_returns_as_many_tensors_as_the_neuron_names(case, options):
    neuron = case.make(**options)
    out = tree_leaves(neuron(case.input(1)[0]))
    assert len(out) == len(neuron.output_names)
    assert neuron.output_names[0] == ("spk" if case.fires else "mem")
