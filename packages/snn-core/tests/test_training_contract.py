"""For every neuron: training loops that are right run, and those that are wrong say what to do."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import snn_core as snn

from .zoo import NEURONS, Case, close, gradients, started, step_loop

every_neuron = pytest.mark.parametrize("case", NEURONS, ids=str)


@every_neuron
def test_batches_train_one_after_the_other_when_each_begins_with_a_reset(case: Case) -> None:
    net, xs = case.make(init_hidden=True), case.input().requires_grad_()
    for batch in (3, 2, 3):
        snn.utils.reset(net)
        sum(net(x).sum() for x in xs[:, :batch]).backward()
    snn.utils.reset(net)
    net(xs[0]).sum().backward()
    snn.utils.detach(net)
    net(xs[1]).sum().backward()
    assert xs.grad is not None
    assert xs.grad.abs().sum() > 0


@every_neuron
def test_detach_keeps_the_numbers_and_cuts_the_history(case: Case) -> None:
    net, xs = case.make(init_hidden=True), case.input().requires_grad_()
    expected, _ = step_loop(net, xs)
    for t in range(3):
        net(xs[t])
    snn.utils.detach(net)
    assert not any(getattr(net, name).requires_grad for name in net.State._fields)
    spks = [net(xs[3]), net(xs[4])]
    close(spks, [expected[3], expected[4]])
    (grad,) = torch.autograd.grad(spks[0].sum() + spks[1].sum(), xs)
    assert grad[:3].abs().sum() == 0
    assert grad[3].abs().sum() > 0


@every_neuron
def test_a_state_of_the_wrong_shape_is_an_error_that_names_layer_shapes_and_remedy(case: Case) -> None:
    neuron, x = case.make(), case.input()[0]
    state = started(case, neuron)
    wrong = type(state)(*(torch.zeros(2, 11, dtype=x.dtype) for _ in state))
    for call in (
        lambda: neuron(x, *case.states(wrong)),
        lambda: neuron.step(x, wrong),
        lambda: neuron.unroll(x[None], wrong),
    ):
        with pytest.raises(ValueError, match=type(neuron).__name__) as error:
            call()
        text = str(error.value)
        expected = next(iter(state)).shape
        assert "2, 11" in text
        assert ", ".join(map(str, expected)) in text


@every_neuron
def test_a_state_of_one_element_is_broadcast(case: Case) -> None:
    neuron, x = case.make(), case.input()[0]
    state = started(case, neuron)
    single = type(state)(*(torch.full((1,), 0.25, dtype=x.dtype) for _ in state))
    full = type(state)(*(torch.full_like(s, 0.25).detach() for s in state))
    spk, after = neuron.step(x, single)
    spk_full, after_full = neuron.step(x, full)
    close(spk, spk_full)
    close(tuple(after), tuple(after_full))


@every_neuron
def test_a_kept_state_that_does_not_fit_names_the_class_and_utils_reset(case: Case) -> None:
    net, xs = case.make(init_hidden=True), case.input()
    net(xs[0])
    with pytest.raises(ValueError, match=rf"(?s){type(net).__name__}.*utils\.reset"):
        net(xs[1][:2])
    close(net(xs[1]), case_loop(case, xs[:2]))
    if not list(net.parameters()):
        with pytest.raises(ValueError, match=rf"(?s){type(net).__name__}.*utils\.reset"):
            net(xs[1].float())
        with pytest.raises(ValueError, match=rf"(?s){type(net).__name__}.*utils\.reset"):
            net(xs[1].to("meta"))


def case_loop(case: Case, xs: torch.Tensor) -> torch.Tensor:
    """The last spikes of the steps over ``xs``."""
    return step_loop(case.make(), xs)[0][-1]


@every_neuron
def test_a_state_given_to_a_neuron_that_keeps_its_own_is_a_type_error(case: Case) -> None:
    net, xs = case.make(init_hidden=True), case.input()
    state = started(case, net)
    with pytest.raises(TypeError, match=type(net).__name__):
        net(xs[0], *case.states(state))


@every_neuron
def test_checkpointing_with_explicit_states_gives_the_plain_gradients(case: Case) -> None:
    neuron, xs = case.make(), case.input().requires_grad_()
    state = started(case, neuron)
    inputs = [xs, *state, *neuron.parameters()]

    def two_steps(first, second, *states):
        _, states = case.unpack(neuron(first, *states))
        spk, states = case.unpack(neuron(second, *states))
        return spk, states

    plain, _ = two_steps(xs[0], xs[1], *case.states(state))
    again, _ = checkpoint(two_steps, xs[0], xs[1], *case.states(state), use_reentrant=False)
    close(again, plain)
    close(gradients([again], inputs), gradients([plain], inputs))


@every_neuron
def test_recomputing_a_kept_state_in_the_backward_pass_raises(case: Case) -> None:
    net, xs = case.make(init_hidden=True), case.input().requires_grad_()
    with pytest.raises(RuntimeError, match=type(net).__name__):
        sum(checkpoint(net, x, use_reentrant=False).sum() for x in xs[:3]).backward()


@every_neuron
def test_integer_input_counts_as_the_default_dtype(case: Case) -> None:
    neuron = case.make().float()
    ones = torch.ones(case.shape, dtype=torch.int64)
    spk, state = neuron.step(ones, None)
    expected, state_expected = neuron.step(ones.float(), None)
    assert spk.dtype == torch.float32
    close(spk, expected)
    close(tuple(state), tuple(state_expected))


@every_neuron
def test_complex_input_is_a_type_error(case: Case) -> None:
    neuron = case.make()
    with pytest.raises(TypeError, match=rf"(?s){type(neuron).__name__}.*complex"):
        neuron.step(torch.ones(case.shape, dtype=torch.complex64), None)


@every_neuron
def test_two_nets_are_independent(case: Case) -> None:
    first, second = nn.Sequential(case.make(init_hidden=True)), nn.Sequential(case.make(init_hidden=True))
    xs = case.input()
    expected, _ = step_loop(case.make(), xs)
    for t, x in enumerate(xs):
        close(first(x), expected[t])
        second(x)
        snn.utils.reset(second)
        snn.utils.detach(second)
