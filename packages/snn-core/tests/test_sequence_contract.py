"""For every neuron: a sequence is its steps, cut wherever one likes, in values and in gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import snn_core as snn
from snn_core import kernels

from .zoo import NEURONS, VARIANTS, Case, call_loop, close, gradients, started, step_loop

every_neuron = pytest.mark.parametrize("case", NEURONS, ids=str)
every_variant = pytest.mark.parametrize("case", VARIANTS, ids=str)


@every_variant
def test_the_zoo_drives_its_neurons_to_fire_and_to_rest(case: Case) -> None:
    spk, state = step_loop(case.make(), case.input())
    assert 0 < (spk != 0).double().mean() < 1 or not case.fires
    assert spk.shape == (7, *(case.spk_shape or case.shape))
    assert isinstance(state, case.make().State)


@every_variant
def test_a_call_with_explicit_states_is_a_step(case: Case) -> None:
    neuron, xs = case.make(), case.input()
    expected, last = step_loop(neuron, xs)
    states: tuple[Any, ...] = ()
    for x, spk_expected in zip(xs, expected, strict=True):
        spk, states = case.unpack(neuron(x, *states))
        close(spk, spk_expected)
    close(states, case.states(last))


@every_variant
def test_a_kept_state_gives_the_same_as_an_explicit_one(case: Case) -> None:
    xs = case.input()
    expected, last = step_loop(case.make(), xs)
    close(call_loop(case.make(init_hidden=True), xs), expected)
    outputs = case.outputs(call_loop(case.make(init_hidden=True, output=True), xs))
    close(outputs[0], expected)
    states = outputs if case.recurrent else outputs[1] if case.state_in_one else outputs[1:]
    close(tuple(s[-1] for s in states), tuple(last))


@every_variant
def test_a_sequence_is_its_steps_in_values_and_gradients(case: Case) -> None:
    neuron, xs = case.make(), case.input().requires_grad_()
    state = started(case, neuron)
    inputs = [xs, *state, *neuron.parameters()]
    spk, last = step_loop(neuron, xs, state)
    spk_seq, last_seq = neuron.unroll(xs, state)
    close(spk_seq, spk)
    close(tuple(last_seq), tuple(last))
    close(gradients([spk_seq, *last_seq], inputs), gradients([spk, *last], inputs))


def expansions(case: Case, neuron: snn.SpikingNeuron, kind: str) -> tuple[list[Any], Any]:
    """Learned numbers, and a state in which each stands for several neurons of several samples."""
    whole = [s.detach() for s in started(case, neuron)]
    if kind == "one element":
        leaves = [s.flatten()[0].view([1] * s.dim()).clone().requires_grad_() for s in whole]
        return leaves, neuron.State._make(leaves)
    if kind == "one number":
        leaves = [s.flatten()[0].clone().requires_grad_() for s in whole]
    elif kind == "one sample":
        leaves = [s[:1].clone().requires_grad_() for s in whole]
    else:
        leaves = [s.flatten(1)[:, 0].view(-1, *[1] * (s.dim() - 1)).clone().requires_grad_() for s in whole]
    return leaves, neuron.State._make([leaf.expand(s.shape) for leaf, s in zip(leaves, whole, strict=True)])


@every_neuron
@pytest.mark.parametrize("kind", ["one element", "one number", "one sample", "one neuron"])
def test_a_learned_state_may_stand_for_several_neurons(case: Case, kind: str) -> None:
    neuron, xs = case.make(), case.input().requires_grad_()
    leaves, state = expansions(case, neuron, kind)
    inputs = [xs, *leaves, *neuron.parameters()]
    copies = neuron.State._make(
        [s.expand(whole.shape).clone() for s, whole in zip(state, started(case, neuron), strict=True)]
    )
    for trace in (False, True):
        spk, last = kernels.loop(neuron.advance, xs, copies, trace)
        result = neuron.unroll(xs, state, trace=trace)
        close([result[0], *result[1]], [spk, *last])
        close(gradients([result[0], *result[1]], inputs), gradients([spk, *last], inputs))


@every_neuron
def test_a_net_goes_on_from_a_state_that_stands_for_several_neurons(case: Case) -> None:
    net, xs = case.make(init_hidden=True), case.input().requires_grad_()
    leaves, state = expansions(case, net, "one number")
    inputs = [xs, *leaves, *net.parameters()]
    outcomes = []
    for schedule in ("steps", "layers"):
        for name, value in zip(net.State._fields, state, strict=True):
            setattr(net, name, value)
        spk = snn.unroll(net, xs, resume=True, schedule=schedule)
        spk = spk[0] if isinstance(spk, tuple) else spk
        last = tuple(getattr(net, name) for name in net.State._fields)
        outcomes.append([spk, *last, *gradients([spk, *last], inputs)])
    close(outcomes[1], outcomes[0])


@every_neuron
def test_a_trace_is_the_state_after_every_step(case: Case) -> None:
    neuron, xs = case.make(), case.input()
    spk, trace = neuron.unroll(xs, trace=True)
    state = None
    for t, x in enumerate(xs):
        spk_expected, state = neuron.step(x, state)
        close(spk[t], spk_expected)
        close(tuple(s[t] for s in trace), tuple(state))


@every_neuron
@pytest.mark.parametrize("cut", [1, 3, 6])
def test_a_sequence_may_be_cut_anywhere(case: Case, cut: int) -> None:
    neuron, xs = case.make(), case.input().requires_grad_()
    inputs = [xs, *neuron.parameters()]
    spk, last = neuron.unroll(xs)
    first, state = neuron.unroll(xs[:cut])
    second, state = neuron.unroll(xs[cut:], state)
    close(torch.cat([first, second]), spk)
    close(tuple(state), tuple(last))
    close(gradients([torch.cat([first, second]), *state], inputs), gradients([spk, *last], inputs))


@every_neuron
def test_unroll_leaves_the_kept_state_of_a_neuron_alone(case: Case) -> None:
    neuron = case.make(init_hidden=True)
    xs = case.input()
    expected = call_loop(neuron, xs)
    snn.utils.reset(neuron)
    close(neuron(xs[0]), expected[0])
    neuron.unroll(case.input(5))
    close(neuron(xs[1]), expected[1])


@every_variant
def test_a_net_unrolled_equals_the_loop_and_may_be_resumed(case: Case) -> None:
    xs = case.input().requires_grad_()
    net = case.make(init_hidden=True)
    inputs = [xs, *net.parameters()]
    expected = call_loop(net, xs)
    expected_gradients = gradients([expected], inputs)
    whole = snn.unroll(net, xs)
    close(whole, expected)
    close(gradients([whole], inputs), expected_gradients)
    parts = torch.cat([snn.unroll(net, xs[:3]), snn.unroll(net, xs[3:], resume=True)])
    close(parts, expected)
    close(gradients([parts], inputs), expected_gradients)


@every_neuron
def test_a_net_unrolled_starts_from_rest_and_leaves_the_state_of_the_loop(case: Case) -> None:
    net, twin = case.make(init_hidden=True), case.make(init_hidden=True)
    xs, after = case.input(), case.input(2)[0]
    net(after)
    snn.unroll(net, xs)
    call_loop(twin, xs)
    close(net(after), twin(after))


@every_neuron
def test_every_output_of_a_net_is_stacked_on_time(case: Case) -> None:
    net = case.make(init_hidden=True, output=True)
    xs = case.input()
    outputs = snn.unroll(net, xs)
    assert isinstance(outputs, tuple) == case.fires
    close(outputs, call_loop(net, xs))


@every_neuron
@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_chunks_bound_memory_and_change_no_number(case: Case, chunk: int) -> None:
    net, xs = case.make(init_hidden=True), case.input().requires_grad_()
    inputs = [xs, *net.parameters()]
    whole = snn.unroll(net, xs)
    expected = gradients([whole], inputs)
    chunked = snn.unroll(net, xs, chunk=chunk)
    close(chunked, whole)
    close(gradients([chunked], inputs), expected)


@every_neuron
def test_truncated_chunks_are_the_loop_that_detaches(case: Case) -> None:
    net, xs = case.make(init_hidden=True), case.input().requires_grad_()
    inputs = [xs, *net.parameters()]
    snn.utils.reset(net)
    spks = []
    for t, x in enumerate(xs):
        if t % 3 == 0:
            snn.utils.detach(net)
        spks.append(net(x))
    expected = torch.stack(spks)
    expected_gradients = gradients([expected], inputs)
    truncated = snn.unroll(net, xs, chunk=3, truncate=True)
    close(truncated, expected)
    close(gradients([truncated], inputs), expected_gradients)


@every_neuron
def test_input_need_not_be_contiguous(case: Case) -> None:
    neuron, xs = case.make(), case.input()
    expected, _ = step_loop(neuron, xs)
    strided = xs.movedim(0, -1).contiguous().movedim(-1, 0)
    assert not strided.is_contiguous()
    close(step_loop(neuron, strided)[0], expected)
    close(neuron.unroll(strided)[0], expected)


@every_neuron
@pytest.mark.parametrize("batch", [0, 1])
def test_a_batch_may_have_one_sample_or_none(case: Case, batch: int) -> None:
    neuron, xs = case.make(), case.input(batch=batch).requires_grad_()
    state = started(case, neuron, batch)
    spk, last = step_loop(neuron, xs, state)
    assert spk.shape == (7, batch, *(case.spk_shape or case.shape)[1:])
    spk_seq, last_seq = neuron.unroll(xs, state)
    close(spk_seq, spk)
    close(tuple(last_seq), tuple(last))
    net = case.make(init_hidden=True)
    close(snn.unroll(net, xs), call_loop(net, xs))
    spk_seq.sum().backward()
    assert xs.grad is not None


@every_neuron
def test_samples_of_a_batch_do_not_see_each_other(case: Case) -> None:
    neuron, xs = case.make(), case.input()
    whole, _ = neuron.unroll(xs)
    alone = torch.cat([neuron.unroll(xs[:, b : b + 1])[0] for b in range(xs.shape[1])], dim=1)
    close(alone, whole)


@every_neuron
def test_absent_fields_of_a_state_are_at_rest(case: Case) -> None:
    neuron, x = case.make(), case.input()[0]
    spk, state = neuron.step(x, None)
    for rest in (None, torch.empty(0, dtype=x.dtype)):
        again, state_again = neuron.step(x, type(state)(*[rest] * len(state)))
        close(again, spk)
        close(tuple(state_again), tuple(state))
