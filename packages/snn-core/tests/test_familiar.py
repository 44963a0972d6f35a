"""Tests of the methods that programs for snnTorch call on a neuron and override."""

from __future__ import annotations

from abc import ABC
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

PAGE = r"docs/write-your-own-neuron\.md"
EQUATION = [
    "_base_state_function",
    "_base_state_function_hidden",
    "_base_state_reset_zero",
    "_base_sub",
    "_base_sub_hidden",
    "_base_zero",
    "_base_int",
    "_build_state_function",
    "_build_state_function_hidden",
    "state_function",
]
REMEDIES = dict.fromkeys(EQUATION, r"integrate\(self, x, state\)") | {
    "mem_reset": r"subtract\(self, state, amount\) and clear",
    "fire": "spike_grad",
    "fire_inhibition": "spike_grad",
    "_init_recurrent_linear": r"neuron\.recurrent",
    "_init_recurrent_conv2d": r"neuron\.recurrent",
}


def hook(self: Any, *args: Any) -> None:
    raise AssertionError("nothing calls it")


@pytest.mark.parametrize("base", [snn.Leaky, snn.RLeaky, snn.SLSTM, snn.StateLeaky, snn.LIF, snn.SpikingNeuron])
@pytest.mark.parametrize("name", REMEDIES)
def test_a_subclass_that_overrides_what_nothing_calls_is_refused_with_the_remedy(name: str, base: type) -> None:
    expected = rf"Mine overrides {name}, which nothing calls: .*{REMEDIES[name]}.*{PAGE}"
    with pytest.raises(TypeError, match=expected):
        type("Mine", (base,), {name: hook})
    with pytest.raises(TypeError, match=expected):
        type("Mine", (type("Mixin", (), {name: hook}), base), {})


def test_a_state_function_set_on_an_instance_is_refused_too() -> None:
    lif = snn.Leaky(beta=0.9)
    with pytest.raises(TypeError, match=rf"Leaky overrides state_function.*integrate.*{PAGE}"):
        lif.state_function = hook
    assert not hasattr(lif, "state_function")


def test_helpers_of_a_custom_equation_may_have_any_name() -> None:
    class Own(snn.Leaky):
        def _base_state_function(self, x: Tensor, mem: Tensor) -> Tensor:
            return 0.5 * mem + x

        def integrate(self, x: Tensor, state: Any) -> Any:
            return state._replace(mem=self._base_state_function(x, state.mem))

    assert Own(beta=0.9, reset_mechanism="none")(torch.ones(1), torch.ones(1))[1].item() == 1.5


def test_an_equation_may_come_from_code_that_belongs_to_no_module() -> None:
    namespace: dict[str, Any] = {"snn": snn}
    exec(
        "class Own(snn.Leaky):\n"
        "    def integrate(self, x, state):\n"
        "        return state._replace(mem=0.5 * state.mem + x)",
        namespace,
    )
    assert namespace["Own"].integrate.__module__ is None
    assert namespace["Own"](beta=0.9, reset_mechanism="none")(torch.ones(1), torch.ones(1))[1].item() == 1.5


def test_a_subclass_with_a_custom_forward_may_call_anything() -> None:
    class Own(snn.Leaky):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.state_function = self._base_sub

        def forward(self, input_: Tensor, mem: Tensor) -> tuple[Tensor, Tensor]:
            self.reset = self.mem_reset(mem)
            mem = self.state_function(input_, mem)
            return self.fire(mem), mem

        def _base_sub(self, input_: Tensor, mem: Tensor) -> Tensor:
            return self.membrane_decay * mem + input_ - self.reset * self.threshold

    neuron, lif, mem = Own(beta=0.5), snn.Leaky(beta=0.5), torch.zeros(3, 5)
    for x in torch.rand(9, 3, 5) * 2:
        expected = lif(x, mem)
        spk, mem = neuron(x, mem)
        assert torch.equal(spk, expected[0])
        assert torch.equal(mem, expected[1])


def test_mixins_and_abstract_classes_between_are_not_neurons_yet() -> None:
    class Slow(snn.SpikingNeuron, ABC):
        def half(self, mem: Tensor) -> Tensor:
            return mem / 2

    class Neuron(Slow):
        class State(NamedTuple):
            mem: Tensor

        def integrate(self, x: Tensor, state: Any) -> Any:
            return self.State(self.half(state.mem) + x)

    assert Neuron(reset_mechanism="none")(torch.ones(1), torch.ones(1))[1].item() == 1.5
    for unfinished in (Slow, type("Mine", (snn.LIF,), {})):
        arguments = {"beta": 0.9} if issubclass(unfinished, snn.LIF) else {}
        with pytest.raises(TypeError, match=rf"{unfinished.__name__} must declare its State, a NamedTuple.*{PAGE}"):
            unfinished(**arguments)


def test_hidden_states_of_one_neuron_are_reset_and_detached_by_its_own_methods() -> None:
    ones = torch.ones(3, 5, requires_grad=True)
    lif, other = (snn.Leaky(beta=1.0, init_hidden=True, reset_mechanism="none") for _ in range(2))
    for neuron in (lif, other):
        neuron(ones)
    assert lif.detach_hidden() is None
    assert not lif.mem.requires_grad
    assert other.mem.requires_grad
    assert lif.reset_hidden() is None
    lif(ones)
    other(ones)
    assert torch.equal(lif.mem, ones)
    assert torch.equal(other.mem, 2 * ones)
    explicit = snn.Leaky(beta=1.0, reset_mechanism="none")
    explicit.reset_hidden()
    explicit(ones)
    assert torch.equal(explicit(ones)[1], 2 * ones)


@pytest.mark.parametrize("name", ["instances", "init", "detach_hidden", "reset_hidden"])
def test_no_function_acts_on_all_neurons_of_the_process(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"Leaky\.{name} does not exist: .*snn\.utils"):
        getattr(snn.Leaky, name)


def test_the_reset_and_the_spikes_of_a_membrane_that_is_passed() -> None:
    lif = snn.Leaky(beta=0.9, threshold=torch.tensor([0.5, 1.0, 2.0]), graded_spikes_factor=0.5)
    mem = torch.tensor([[1.0, 1.0, 2.5], [0.75, 2.5, 0.0]], requires_grad=True)
    assert torch.equal(lif.mem_reset(mem), torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]))
    assert not lif.mem_reset(mem).requires_grad
    # above their thresholds by 0.5, 0, 0.5, of which the first wins, and by 0.25, 1.5
    spk = lif.fire_inhibition(2, mem)
    assert torch.equal(spk, torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.5, 0.0]]))
    spk.sum().backward()
    assert torch.equal(mem.grad != 0, spk != 0)
    with pytest.raises(ValueError, match=r"batch_size=3 does not match mem of shape \(2, 3\)"):
        lif.fire_inhibition(3, mem)


def test_every_neuron_is_an_instance_of_the_base_class() -> None:
    classes = [getattr(snn, name) for name in snn.__all__ if isinstance(getattr(snn, name), type)]
    neurons = [kind for kind in classes if issubclass(kind, nn.Module) and hasattr(kind, "spike_grad")]
    assert [kind for kind in neurons if not issubclass(kind, snn.SpikingNeuron)] == []
