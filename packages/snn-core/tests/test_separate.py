"""Tests that results of ``unroll``, the net's state and the input are separate: writing into one changes no other."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import snn_core as snn

from .zoo import NEURONS, Case, call_loop, close, gradients


class KeepsItsInput(snn.SpikingNeuron):
    """A neuron that adds the input of the step before to that of the step."""

    class State(NamedTuple):
        before: Tensor
        mem: Tensor

    def integrate(self, x: Tensor, state: State) -> State:
        return self.State(x, x + state.before)


class KeepsItsSpikes(snn.SpikingNeuron):
    """A neuron whose membrane counts the spikes of the step before, which a method of its own keeps."""

    class State(NamedTuple):
        mem: Tensor
        last: Tensor

    def integrate(self, x: Tensor, state: State) -> State:
        return self.State(0.5 * state.mem + x - state.last, state.last)

    def clear(self, state: State, fired: Tensor) -> State:
        return self.State(state.mem, fired)


class Returns(nn.Module):
    """A net of two neurons, and of what it returns a function."""

    def __init__(self, returned: Any) -> None:
        super().__init__()
        self.first = snn.Leaky(beta=0.5, init_hidden=True)
        self.second = snn.Synaptic(alpha=0.7, beta=0.8, threshold=0.6, init_hidden=True, output=True)
        self.returned = returned

    def forward(self, x: Tensor) -> Any:
        hidden = self.first(x)
        outputs = self.second(hidden)
        return self.returned(x, hidden, outputs[0], outputs[1], outputs[2])


def behind_identity(make: Any, **options: Any) -> nn.Module:
    return nn.Sequential(nn.Identity(), make(init_hidden=True, **options))


NETS = {
    "leaky": lambda: behind_identity(snn.Leaky, beta=0.7),
    "leaky and its state": lambda: behind_identity(snn.Leaky, beta=0.7, output=True),
    "rleaky and its states": lambda: behind_identity(snn.RLeaky, beta=0.7, V=0.4, all_to_all=False, output=True),
    "dense rleaky": lambda: behind_identity(snn.RLeaky, beta=0.7, linear_features=3),
    "synaptic and its states": lambda: behind_identity(snn.Synaptic, alpha=0.4, beta=0.7, output=True),
    "slstm and its states": lambda: behind_identity(snn.SLSTM, input_size=3, hidden_size=2, output=True),
    "what keeps its input": lambda: behind_identity(KeepsItsInput),
    "what keeps its input, and its states": lambda: behind_identity(KeepsItsInput, output=True),
    "convolution": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 3)), nn.Conv1d(1, 2, 2), snn.Leaky(beta=0.7, init_hidden=True, output=True)
    ),
    "nothing": lambda: nn.Sequential(nn.Identity()),
    "the input": lambda: Returns(lambda x, hidden, spk, syn, mem: (spk, x)),
    "the input as a view": lambda: Returns(lambda x, hidden, spk, syn, mem: (spk, x.flatten(1))),
    "one twice": lambda: Returns(lambda x, hidden, spk, syn, mem: (spk, spk)),
    "one as a view too": lambda: Returns(lambda x, hidden, spk, syn, mem: (mem, mem.flatten(1), hidden)),
    "all of it": lambda: Returns(lambda *everything: everything),
}


def kept_states(net: nn.Module) -> list[Tensor]:
    return [v for m in net.modules() if isinstance(m, snn.SpikingNeuron) and m._kept is not None for v in m._kept]


def check_separate(tensors: list[Tensor]) -> None:
    for tensor in tensors:
        before = [t.detach().clone() for t in tensors]
        with torch.no_grad():
            tensor.fill_(7.0)
        for other, was in zip(tensors, before, strict=True):
            assert other is tensor or other.equal(was)
        with torch.no_grad():
            tensor.copy_(next(was for t, was in zip(tensors, before, strict=True) if t is tensor))


def check_owned(states: list[Tensor]) -> None:
    assert [s.untyped_storage().nbytes() for s in states] == [s.nbytes for s in states]


@settings(max_examples=20)
@given(data=st.data())
@pytest.mark.parametrize("name", NETS)
def test_writing_into_an_output_changes_nothing_else(name: str, data: st.DataObject) -> None:
    torch.manual_seed(0)
    net = NETS[name]().double()
    steps, batch = data.draw(st.sampled_from([1, 2, 5])), data.draw(st.sampled_from([1, 3]))
    grad, resume = data.draw(st.booleans()), data.draw(st.booleans())
    options: dict[str, Any] = {"schedule": data.draw(st.sampled_from(["auto", "steps", "layers"]))}
    options["chunk"] = data.draw(st.sampled_from([None, 1, 2, 5]))
    if data.draw(st.booleans()):
        options["lengths"] = data.draw(st.lists(st.integers(0, steps), min_size=batch, max_size=batch))
    xs = 2 * torch.rand(steps, batch, 3, dtype=torch.float64)
    expected = call_loop(net, xs) if "lengths" not in options else None
    last = [s.clone() for s in kept_states(net)]
    if resume:
        snn.utils.reset(net)
    with torch.set_grad_enabled(grad):
        outs = snn.unroll(net, xs, resume=resume, **options)
    if expected is not None:
        close(tree_leaves(outs), tree_leaves(expected))
        close(kept_states(net), last)
    check_separate([*tree_leaves(outs), *kept_states(net), xs])
    check_owned(kept_states(net))


@settings(max_examples=10)
@given(steps=st.sampled_from([1, 2, 5]), trace=st.booleans(), grad=st.booleans(), start=st.booleans())
@pytest.mark.parametrize("case", NEURONS, ids=str)
def test_writing_into_what_a_neuron_returns_changes_nothing_else(case, steps, trace, grad, start) -> None:
    neuron, xs = case.make(), case.input(steps)
    state = neuron.unroll(case.input(2))[1] if start else None
    state = state if state is None else type(state)(*(s.detach() for s in state))
    with torch.set_grad_enabled(grad):
        spk, states = neuron.unroll(xs, state, trace=trace)
    check_separate([spk, *states, xs, *(state or ())])
    check_owned([spk, *states])


CASES = [
    *NEURONS,
    Case("what keeps its input", KeepsItsInput),
    Case("what keeps its spikes", partial(KeepsItsSpikes, reset_mechanism="zero", reset_delay=False)),
]
CALLS: dict[str, dict[str, bool]] = {
    "kept": {"init_hidden": True},
    "kept and returned": {"init_hidden": True, "output": True},
    "kept after reset_mem": {},
    "passed on": {},
    "streamed": {"init_hidden": True},
}


def step_by_step(case: Case, net: Any, xs: Tensor, call: str, after: Callable[[list[Tensor]], None]) -> list[Tensor]:
    """The spikes of every step; ``after`` gets its input and, unless the spikes are passed on, these too."""
    run, states, spikes = snn.stream(net) if call == "streamed" else net, (), []
    if call == "kept after reset_mem":
        net.reset_mem()
    for x in xs:
        x = x.clone()
        out = run(x, *states)
        spk = out[0] if isinstance(out, tuple) else out
        spikes.append(spk.clone())
        states = case.unpack(out)[1] if call == "passed on" else ()
        after([x] if call == "passed on" else [x, spk])
    return spikes


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_overwriting_the_input_and_the_spikes_of_a_step_changes_no_later_one(case: Case, call: str) -> None:
    neuron, xs = case.make(**CALLS[call]), case.input()
    with torch.inference_mode():
        expected = step_by_step(case, neuron, xs, call, lambda tensors: None)
        neuron.forget()
        close(step_by_step(case, neuron, xs, call, lambda tensors: [t.fill_(0.7) for t in tensors]), expected)


def refusal(run: Callable[[], Any]) -> str:
    try:
        run()
    except RuntimeError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("call", [call for call in CALLS if call != "streamed"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_overwriting_them_changes_no_gradient(case: Case, call: str) -> None:
    neuron, xs = case.make(**CALLS[call]), case.input().requires_grad_()
    inputs = [xs, *neuron.parameters()]
    expected = gradients(step_by_step(case, neuron, xs, call, lambda tensors: None), inputs)
    neuron.forget()
    # the surrogate's gradient needs its spikes, unless the neuron feeds them back and gives away a copy
    spikes = step_by_step(case, neuron, xs, call, lambda tensors: [t.mul_(0.7) for t in tensors[: 1 + case.recurrent]])
    loss = torch.stack(spikes).sum()
    if not case.recurrent and "modified by an inplace" in refusal(lambda: loss.backward(retain_graph=True)):
        return
    close(gradients(spikes, inputs), expected)


@pytest.mark.parametrize("make", [partial(snn.AxonalDelay, 3, 1.5), partial(snn.DelayedLinear, 5, 4, 3)])
def test_delays_keep_copies_of_their_inputs(make: Callable[[], Any]) -> None:
    case = Case("a delay", make)
    with torch.inference_mode():
        for call in ("kept", "streamed"):
            outcomes = []
            for after in (lambda tensors: None, lambda tensors: [t.fill_(0.7) for t in tensors]):
                torch.manual_seed(0)
                outcomes.append(step_by_step(case, make(), case.input(dtype=torch.float32), call, after))
            close(*outcomes)


def test_layers_that_overwrite_spikes_do_not_change_what_a_neuron_feeds_back() -> None:
    class Doubles(nn.Module):
        def __init__(self, in_place: bool) -> None:
            super().__init__()
            self.fc, self.psn, self.in_place = nn.Linear(3, 3), snn.SlidingPSN(order=3, init_hidden=True), in_place
            self.spike = snn.RLeaky(beta=0.8, linear_features=3, init_hidden=True)

        def forward(self, x: Tensor) -> Tensor:
            hidden = self.fc(x)
            spk = self.psn(hidden)
            back = self.spike(hidden)
            if not self.in_place:
                return back * 0.5 + hidden + spk
            hidden += spk
            return back.mul_(0.5).add_(hidden)

    nets = [Doubles(True), Doubles(False)]
    nets[1].load_state_dict(nets[0].state_dict())
    xs = 3 * torch.rand(9, 2, 3)
    with torch.no_grad():
        close(call_loop(nets[0], xs), call_loop(nets[1], xs))
        close(snn.unroll(nets[0], xs, schedule="steps"), snn.unroll(nets[1], xs, schedule="steps"))


def test_the_next_sequence_continues_from_a_state_changed_by_hand() -> None:
    xs = torch.rand(4, 2, 3)
    outcomes = []
    for schedule in ("auto", "steps"):
        net = nn.Sequential(snn.Leaky(beta=0.9, init_hidden=True, output=True))
        _, mem = snn.unroll(net, xs, schedule=schedule)
        mem.zero_()
        outcomes.append(snn.unroll(net, xs, resume=True, schedule=schedule))
    close(*outcomes)


def test_a_saved_net_is_as_large_as_after_a_loop() -> None:
    net = nn.Sequential(nn.Linear(5, 40), snn.Leaky(beta=0.9, init_hidden=True, output=True))
    xs = torch.rand(500, 7, 5)

    def sizes() -> list[int]:
        file = io.BytesIO()
        torch.save(net, file)
        twin = copy.deepcopy(net)
        return [file.tell() // 4096, len(pickle.dumps(net)) // 4096, twin[1].mem.untyped_storage().nbytes()]

    snn.utils.reset(net)
    for x in xs:
        net(x)
    by_loop = sizes()
    for options in ({}, {"schedule": "steps"}, {"chunk": 50}, {"lengths": [500, 1, 0, 3, 500, 500, 2]}):
        snn.unroll(net, xs, **options)
        assert sizes() == by_loop


def test_a_stream_continues_from_its_own_state_even_if_its_outputs_change() -> None:
    net, xs = snn.Synaptic(alpha=0.9, beta=0.8, init_hidden=True, output=True), torch.rand(5, 2, 3)
    untouched, stream = snn.stream(net), snn.stream(net)
    for x in xs:
        expected, outs = untouched(x), stream(x)
        close(outs, expected)
        with torch.inference_mode():
            for out in outs:
                out.fill_(7.0)


def test_no_more_is_copied_than_shares_memory() -> None:
    net = Returns(lambda x, hidden, spk, syn, mem: (spk, mem, hidden))
    _, plan = snn.unroll(net, torch.rand(5, 2, 3), explain=True)
    assert plan.kind == "layers"
    with (
        torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], acc_events=True) as profile,
        torch.no_grad(),
    ):
        snn.unroll(net, torch.rand(5, 2, 3), schedule=plan)
    copies = {event.key: event.count for event in profile.key_averages()}
    assert copies.get("aten::clone", 0) == 2  # the last step of two states, and no trace
