"""Tests of equations that a subclass writes as snnTorch's neurons do, reading ``self.mem``."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

STEPS, SHAPE = 9, (3, 5)
RESETS = ["subtract", "zero", "none"]


class Own(snn.Leaky):
    """As in snnTorch 1.0."""

    def _base_state_function(self, input_: Tensor) -> Tensor:
        return self.beta.clamp(0, 1) * self.mem - 0.05 * self.mem**2 + input_


class Both(snn.Leaky):
    """As in snnTorch before 1.0: one method without hidden states, one with them."""

    def _base_state_function(self, input_: Tensor, mem: Tensor) -> Tensor:
        return self.beta.clamp(0, 1) * mem - 0.05 * mem**2 + input_

    def _base_state_function_hidden(self, input_: Tensor) -> Tensor:
        return self._base_state_function(input_, self.mem)


class Hidden(snn.Leaky):
    """As in a program for snnTorch before 1.0 that only has neurons with hidden states."""

    def _base_state_function_hidden(self, input_: Tensor) -> Tensor:
        return super()._base_state_function_hidden(input_) - 0.05 * self.mem**2


class Mixed(Own):
    """A subclass of a subclass, which calls the equation of both by the arguments of either version."""

    def _base_state_function(self, *args: Tensor) -> Tensor:
        return super()._base_state_function(args[0]) + snn.Leaky._base_state_function(self, *args) - self._leaky(*args)

    def _leaky(self, input_: Tensor, mem: Tensor) -> Tensor:
        assert mem is self.mem
        return self.beta.clamp(0, 1) * mem + input_


class Expected(snn.Leaky):
    """The same equation as ``integrate``."""

    def integrate(self, x: Tensor, state: Any) -> Any:
        return state._replace(mem=self.beta.clamp(0, 1) * state.mem - 0.05 * state.mem**2 + x)


KINDS = [Own, Both, Hidden, Mixed]
OPTIONS = {"beta": 0.9, "learn_beta": True, "threshold": 0.8}


def inputs() -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.rand(STEPS, *SHAPE, generator=generator).requires_grad_()


def outcome(neuron: Any, spk: Tensor, xs: Tensor) -> list[Tensor]:
    return [spk, *torch.autograd.grad(spk.mul(torch.arange(5.0)).sum(), [xs, neuron.beta])]


def stepped(neuron: Any, xs: Tensor) -> Tensor:
    if neuron.init_hidden:
        snn.utils.reset(neuron)
        return torch.stack([neuron(x) for x in xs])
    mem, spikes = None, []
    for x in xs:
        spk, mem = neuron(x, mem)
        spikes.append(spk)
    return torch.stack(spikes)


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_hook_is_the_equation_in_every_way_to_run_it(kind: type, reset: str) -> None:
    xs = inputs()
    lone = Expected(**OPTIONS, reset_mechanism=reset)
    expected = outcome(lone, stepped(lone, xs), xs)
    assert 0 < expected[0].mean() < 1
    for hidden in (False, True):
        neuron = kind(**OPTIONS, reset_mechanism=reset, init_hidden=hidden)
        runs = [stepped, lambda neuron, xs: neuron.unroll(xs)[0]]
        runs += [snn.unroll, lambda neuron, xs: snn.unroll(neuron, xs, chunk=4)] if hidden else []
        for run in runs:
            torch.testing.assert_close(outcome(neuron, run(neuron, xs), xs), expected, rtol=1e-5, atol=1e-5)


def test_a_neuron_calls_the_hook_that_its_version_of_snntorch_calls() -> None:
    def plain(self: Any, input_: Tensor) -> Tensor:
        return input_ + 1

    def earlier(self: Any, input_: Tensor, mem: Tensor) -> Tensor:
        return input_ + 1

    def hidden(self: Any, input_: Tensor) -> Tensor:
        return input_ + 2

    first, second = "_base_state_function", "_base_state_function_hidden"
    # what the two modes add, without and with hidden states
    for members, added in (
        ({first: plain, second: hidden}, (1, 1)),
        ({first: earlier, second: hidden}, (1, 2)),
        ({first: earlier}, (1, 1)),
        ({second: hidden}, (2, 2)),
    ):
        kind: Any = type("Own", (snn.Leaky,), members)
        for init_hidden, amount in enumerate(added):
            neuron = kind(beta=0.9, init_hidden=bool(init_hidden))
            assert neuron.step(torch.zeros(SHAPE))[1].mem.unique().tolist() == [amount]


def test_it_has_the_program_of_the_same_equation_as_integrate() -> None:
    expected = snn.program(Expected(**OPTIONS))
    for kind in (Own, Both):
        for hidden in (False, True):
            assert str(snn.program(kind(**OPTIONS, init_hidden=hidden)).forward) == str(expected.forward)


def test_neurons_with_several_states_return_them_in_their_order() -> None:
    """Each writes the equation of its own base class, which the base class calls by the same name."""

    class Synaptic(snn.Synaptic):
        def _base_state_function(self, input_: Tensor) -> tuple[Tensor, Tensor]:
            syn = self.alpha * self.syn + input_
            return syn, self.beta * self.mem + syn

    class Alpha(snn.Alpha):
        def _base_state_function(self, input_: Tensor) -> tuple[Tensor, ...]:
            exc, inh = self.alpha * self.syn_exc + input_, self.beta * self.syn_inh - input_
            return exc, inh, self.tau * (exc + inh)

    class RLeaky(snn.RLeaky):
        def _base_state_function(self, input_: Tensor, spk: Tensor, mem: Tensor) -> Tensor:
            return self.beta * mem + input_ + self.recurrent(spk)

    class RSynaptic(snn.RSynaptic):
        def _base_state_function_hidden(self, input_: Tensor) -> tuple[Tensor, Tensor]:
            syn = self.alpha * self.syn + input_ + self.recurrent(self.spk)
            return syn, self.beta * self.mem + syn

    class Lapicque(snn.Lapicque):
        def _base_state_function(self, input_: Tensor) -> Tensor:
            return input_ * self.R / (self.R * self.C) + (1 - 1 / (self.R * self.C)) * self.mem

    class SLSTM(snn.SLSTM):
        def _base_state_function(self, input_: Tensor) -> tuple[Tensor, Tensor]:
            mem, syn = self.lstm_cell(input_, (self.mem, self.syn))
            return syn, mem

    xs = 2 * inputs()
    decays: dict[str, Any] = {"alpha": 0.8, "beta": 0.6}
    cases: list[tuple[type, dict[str, Any]]] = [
        (Synaptic, decays),
        (Alpha, decays),
        (RLeaky, {"beta": 0.7, "linear_features": 5}),
        (RSynaptic, {**decays, "all_to_all": False, "V": -0.4}),
        (Lapicque, {"R": 2.0, "C": 3.0, "threshold": 0.4}),
        (SLSTM, {"input_size": 5, "hidden_size": 5, "threshold": 0.1}),
    ]
    for kind, options in cases:
        for reset in RESETS:
            torch.manual_seed(0)
            own: Any = kind(**options, reset_mechanism=reset)
            torch.manual_seed(0)
            base: Any = kind.__base__(**options, reset_mechanism=reset)
            assert 0 < base.unroll(xs)[0].mean() < 1
            for left, right in zip((own.unroll(xs), own(xs[0])), (base.unroll(xs), base(xs[0])), strict=True):
                torch.testing.assert_close(left, right)


def test_a_mix_in_around_the_equation_keeps_its_own_state() -> None:
    class Silent(snn.Refractory, Own):
        class State(NamedTuple):
            wait: Tensor
            mem: Tensor

    class Fed(snn.Recurrent, Hidden):
        class State(NamedTuple):
            spk: Tensor
            mem: Tensor

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.connect(V=0.3, all_to_all=False)

    class SilentBase(snn.Refractory, Expected):
        State = Silent.State

    class FedBase(snn.Recurrent, Expected):
        State = Fed.State

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.connect(V=0.3, all_to_all=False)

    xs = 2 * inputs()
    for own, base, options in ((Silent, SilentBase, {"refractory_period": 2}), (Fed, FedBase, {})):
        expected = base(**OPTIONS, **options).unroll(xs)
        torch.testing.assert_close(own(**OPTIONS, **options).unroll(xs), expected)
        assert 0 < expected[0].mean() < 1


def test_a_hook_may_set_the_state_that_it_reads() -> None:
    class Setting(snn.Synaptic):
        def _base_state_function(self, input_: Tensor) -> tuple[Tensor, Tensor]:
            self.syn = self.alpha * self.syn + input_
            self.mem = self.beta * self.mem + self.syn
            return self.syn, self.mem

    xs = inputs()
    neuron, base = (kind(alpha=0.8, beta=0.7, init_hidden=True) for kind in (Setting, snn.Synaptic))
    torch.testing.assert_close(snn.unroll(neuron, xs), snn.unroll(base, xs))
    torch.testing.assert_close(stepped(neuron, xs), stepped(base, xs))
    torch.testing.assert_close(neuron.syn, base.syn)


def test_a_hook_that_keeps_a_history_runs_step_by_step() -> None:
    class Fractional(snn.Leaky):
        def _base_state_function(self, input_: Tensor) -> Tensor:
            past = getattr(self, "past", torch.zeros_like(input_))
            self.past = 0.5 * past + self.mem
            return input_ + 0.2 * self.past

    xs = inputs()
    neuron = Fractional(0.9, init_hidden=True)
    expected = stepped(neuron, xs)
    del neuron.past
    spk, schedule = snn.unroll(nn.Sequential(neuron), xs, explain=True)
    assert torch.equal(spk, expected)
    assert "Fractional: reference" in str(schedule)


def test_copies_and_pickles_run_like_the_original() -> None:
    xs = inputs()
    for kind in KINDS:
        neuron = kind(**OPTIONS, init_hidden=True)
        neuron(xs[0])
        for twin in (copy.deepcopy(neuron), pickle.loads(pickle.dumps(neuron))):
            assert torch.equal(twin.mem, neuron.mem)
            assert torch.equal(stepped(twin, xs), stepped(copy.deepcopy(neuron), xs))


def test_a_compiler_sees_the_state_that_a_step_integrates() -> None:
    xs = inputs()
    for kind in KINDS:
        torch._dynamo.reset()
        neuron = kind(**OPTIONS, init_hidden=True)
        compiled = torch.compile(neuron, fullgraph=True, backend="eager")
        snn.utils.reset(neuron)
        spk = torch.stack([compiled(x) for x in xs])
        assert torch.equal(spk, stepped(Expected(**OPTIONS, init_hidden=True), xs))
        assert torch.equal(spk, stepped(neuron, xs))


def test_threads_that_share_a_neuron_each_see_their_own_state() -> None:
    barrier = Barrier(2, timeout=10)

    class Waiting(snn.Leaky):
        def _base_state_function(self, input_: Tensor) -> Tensor:
            before = self.mem
            barrier.wait()
            assert self.mem is before
            barrier.wait()
            return self.beta * self.mem + input_

    neuron = Waiting(beta=0.5, reset_mechanism="none")

    def last(start: float) -> Tensor:
        mem = torch.full(SHAPE, start)
        for _ in range(20):
            _, mem = neuron(torch.zeros(SHAPE), mem)
        return mem

    with ThreadPoolExecutor(2) as threads:
        mems = list(threads.map(last, [1.0, 3.0]))
    assert [mem[0, 0].item() for mem in mems] == [0.5**20, 3 * 0.5**20]
    assert torch.equal(neuron.mem, torch.empty(0))


def test_the_kept_membrane_is_seen_again_after_the_hook() -> None:
    class Failing(snn.Leaky):
        def _base_state_function(self, input_: Tensor) -> Tensor:
            if input_.sum() < 0:
                raise ArithmeticError("negative")
            return self.mem + input_

    neuron = Failing(beta=0.5, init_hidden=True, reset_mechanism="none")
    neuron(torch.ones(SHAPE))
    neuron.step(torch.ones(SHAPE), None)
    assert torch.equal(neuron.mem, torch.ones(SHAPE))
    with pytest.raises(ArithmeticError):
        neuron(-torch.ones(SHAPE))
    neuron(torch.ones(SHAPE))
    assert torch.equal(neuron.mem, 2 * torch.ones(SHAPE))


def test_another_result_than_the_states_is_refused() -> None:
    x = torch.ones(SHAPE)
    for result, kinds in ((None, "NoneType"), ((x,), r"\['Tensor'\]"), ((0, x), r"\['int', 'Tensor'\]")):
        kind: Any = type("Odd", (snn.Synaptic,), {"_base_state_function": lambda self, input_, r=result: r})
        with pytest.raises(TypeError, match=rf"Odd\._base_state_function must return syn, mem, each a .*{kinds}"):
            kind(alpha=0.5, beta=0.5)(x)
