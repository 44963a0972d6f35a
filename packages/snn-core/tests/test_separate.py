"""Tests that results of ``unroll``, the net's state and the input are separate: writing into one changes no other."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import snn_core as snn

from .zoo import NEURONS, call_loop, close


class KeepsItsInput(snn.SpikingNeuron):
    """A neuron that adds the input of the step before to that of the step."""

    class State(NamedTuple):
        before: Tensor
        mem: Tensor

    def integrate(self, x: Tensor, state: State) -> State:
        return self.State(x, x + state.before)


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
