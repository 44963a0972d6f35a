"""A sequence does what the code of its steps does now, whatever that code reads, and whatever was there before."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any, NamedTuple
from unittest import mock

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core.engines.registry import offered
from snn_core.neuron.stepping import Stepping

from .changing_neurons import (
    CODES,
    LARGEST,
    OF_LAYOUT,
    WIDTH,
    Call,
    Changing,
    Code,
    Net,
    Steep,
    Written,
    random_calls,
    random_net,
    random_neuron,
)
from .stepped_programs import stepped
from .unequal import states
from .zoo import NEURONS, call_loop, close

Run = Callable[[Any, Tensor, Call], list[Tensor]]
"""Function ``run(net, xs, call)``: the outputs and states of a sequence."""


@pytest.fixture(autouse=True)
def engine() -> Iterator[None]:
    """Run programs by the engine that is installed, or else by the simplest one."""
    with nullcontext() if offered("program", "cpu") else stepped():
        yield


def sequence(neuron: Changing, xs: Tensor, call: Call) -> list[Tensor]:
    spk, trace = neuron.unroll(xs, None if call.rests else neuron.State(0.5 * xs[0]), trace=True)
    return [spk, *trace]


def steps(neuron: Changing, xs: Tensor, call: Call) -> list[Tensor]:
    state = None if call.rests else neuron.State(0.5 * xs[0])
    spikes, mems = [], []
    for x in xs:
        spk, state = neuron.step(x, state)
        spikes.append(spk)
        mems.append(state.mem)
    return [torch.stack(spikes), torch.stack(mems)]


def unrolled(net: nn.Module, xs: Tensor, call: Call) -> list[Tensor]:
    return [snn.unroll(net, xs, chunk=call.chunk), *states(net)]


def looped(net: nn.Module, xs: Tensor, call: Call) -> list[Tensor]:
    return [call_loop(net, xs), *states(net)]


def outcome(net: nn.Module, call: Call, run: Run) -> tuple[list[Tensor], list[Tensor]]:
    """Return outputs and states, and the gradients of a sum of all of them in the input and the constants."""
    xs = call.input()
    with call.surroundings(net):
        outputs = run(net, xs, call)
        if not call.grad:
            return outputs, []
        weights = torch.linspace(-1, 2, WIDTH, dtype=xs.dtype)
        total = torch.stack([(out * weights).sum() for out in outputs]).sum()
        leaves = [xs, *net.parameters()]
        return outputs, list(torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True))


def must_agree(net: nn.Module, call: Call, run: Run, reference: Run) -> None:
    """Assert that two ways to run a net are the same: values bit for bit, unless there are products of matrices."""
    (values, gradients), (expected, expected_gradients) = outcome(net, call, run), outcome(net, call, reference)
    if any(isinstance(module, nn.Linear) for module in net.modules()):
        close(values, expected)
    else:
        torch.testing.assert_close(values, expected, rtol=0, atol=0)
    close(gradients, expected_gradients)


ANNEALED = Call(number=0.75)
OTHER_CALLS: dict[str, Call] = {  # in which code does something else than in the usual one
    "shape[0]": Call(batch=40),
    "numel()": Call(batch=40),
    "a special case for one sample": Call(batch=1),
    "autocast": Call(autocast=True),
    "the training mode": Call(training=False),
    "the grad mode": Call(grad=False),
    "a global": ANNEALED,
    "a helper that reads its class": ANNEALED,
    "a helper that reads a class": ANNEALED,
    "a helper that reads a global": ANNEALED,
    "an imported module": ANNEALED,
    "code of exec": ANNEALED,
    "a hook on a part": Call(hook="on a part"),
}


class Row(NamedTuple):
    """Code, two calls in which it does different things, and a neuron with such code."""

    code: Code
    other: Call
    neuron: Callable[[Code], Changing] = lambda code: Changing([code])
    usual: Call = Call()


ROWS: dict[str, Row] = {name: Row(CODES[name], other) for name, other in OTHER_CALLS.items()} | {
    "is_contiguous()": Row(OF_LAYOUT["is_contiguous()"], Call(layout="in another order")),
    "stride()": Row(OF_LAYOUT["stride()"], Call(layout="in another order")),
    "a surrogate": Row(CODES["a surrogate"], ANNEALED, lambda code: Changing(spike_grad=Steep.apply)),
    "a class of exec": Row(CODES["code of exec"], ANNEALED, lambda code: Written()),
    "a hook on all modules": Row(CODES["a hook on a part"], Call(hook="on all modules")),
    "a hook on a linear layer": Row(
        CODES["a hook on a part"],
        Call(LARGEST, hook="on a part"),
        lambda code: Changing([code], part=nn.Linear(WIDTH, WIDTH)),
        Call(LARGEST),
    ),
}
HOSTS: dict[str, tuple[Callable[[Changing, Code], nn.Module], Run, Run]] = {
    "a neuron": (lambda neuron, code: neuron, sequence, steps),
    "a neuron in a chain": (lambda neuron, code: nn.Sequential(neuron, nn.LeakyReLU(0.5)), unrolled, looped),
    "a neuron in a net": (lambda neuron, code: Net(neuron), unrolled, looped),
    "a neuron in a net with the same code": (lambda neuron, code: Net(neuron, [code]), unrolled, looped),
}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("row", ROWS)
def test_a_sequence_follows_a_change_of_what_its_code_reads(row: str, host: str) -> None:
    code, other, neuron, usual = ROWS[row]
    build, run, reference = HOSTS[host]
    net = build(neuron(code), code)
    for call in (usual, other, usual):
        must_agree(net, call, run, reference)


@pytest.mark.parametrize("is_first", [False, True], ids=["after the usual call", "in the first call"])
@pytest.mark.parametrize("name", OTHER_CALLS)
def test_a_first_step_from_rest_does_not_hide_what_code_does_to_the_membrane(name: str, is_first: bool) -> None:
    neuron = Changing(decays=[CODES[name]])
    for call in [OTHER_CALLS[name]] if is_first else [Call(), OTHER_CALLS[name]]:
        must_agree(neuron, call, sequence, steps)


@pytest.mark.parametrize("row", ROWS)
def test_the_code_of_each_row_does_different_things_in_its_two_calls(row: str) -> None:
    code, other, neuron, usual = ROWS[row]
    net = neuron(code)
    outcomes = [outcome(net, call, steps) for call in (usual, other)]
    before, after = ([tensor[:, 0] for tensor in (values[0], *gradients[:1])] for values, gradients in outcomes)
    assert not all(map(torch.equal, before, after))


@pytest.mark.parametrize("seed", range(300))
def test_a_random_neuron_is_its_steps(seed: int) -> None:
    choice = random.Random(seed)
    neuron = random_neuron(choice)
    for call in random_calls(choice, 3):
        must_agree(neuron, call, sequence, steps)


@pytest.mark.parametrize("seed", range(100))
def test_a_random_net_is_its_steps(seed: int) -> None:
    torch.manual_seed(seed)
    choice = random.Random(seed)
    net = random_net(choice)
    for call in random_calls(choice, 3):
        must_agree(net, call, unrolled, looped)


def steps_of(net: nn.Module, call: Call, run: Run) -> int:
    """Return how many steps neurons run in a call, in all threads."""
    count, advance = itertools.count(), Stepping.advance

    def counting(*args: Any) -> Any:
        next(count)
        return advance(*args)

    with mock.patch.object(Stepping, "advance", counting):
        outcome(net, call, run)
    return next(count)


OURS = ("leaky", "synaptic", "alpha", "deltaleaky", "alif", "adlif", "izhikevich")


def chain_of_ours() -> nn.Sequential:
    return nn.Sequential(*(case.make(init_hidden=True) for case in NEURONS if case.name in OURS))


def most_steps(net: nn.Module, run: Run) -> int:
    """Return the largest number of steps that neurons run in a call, once programs and plans are known."""
    outcome(net, Call(), run)
    return max(steps_of(net, Call(batch), run) for batch in (4, 40, 1))


def test_a_chain_of_our_neurons_runs_no_step_outside_of_its_plan() -> None:
    assert most_steps(chain_of_ours(), unrolled) == 0


def test_a_net_of_our_neurons_runs_only_the_step_that_is_compared_with_its_plan() -> None:
    assert most_steps(Net(chain_of_ours()), unrolled) <= len(OURS)


@pytest.mark.parametrize(
    "code", ["a global", "a helper that reads its class", "an imported module", "a hook on a part"]
)
@pytest.mark.parametrize("host", HOSTS)
def test_a_neuron_of_a_user_runs_two_steps_at_most(host: str, code: str) -> None:
    build, run, _ = HOSTS[host]
    assert most_steps(build(Changing([CODES[code]]), CODES[code]), run) <= 2


@pytest.mark.parametrize("host", HOSTS)
def test_a_first_sequence_runs_as_many_steps_however_long_it_is(host: str) -> None:
    build, run, _ = HOSTS[host]
    code = CODES["a global"]
    counts = [steps_of(build(Changing([code]), code), Call(steps=count), run) for count in (9, 99)]
    assert counts[0] == counts[1] < 20


def test_a_hook_on_a_recurrent_layer_is_called_in_every_step() -> None:
    neuron, xs, calls = snn.RLeaky(beta=0.9, linear_features=4), torch.rand(9, 3, 4), itertools.count()
    neuron.unroll(xs)
    neuron.recurrent.register_forward_hook(lambda layer, args, out: out * (-1) ** next(calls))
    spikes, expected, state = neuron.unroll(xs)[0], [], None
    calls = itertools.count()
    for x in xs:
        spk, state = neuron.step(x, state)
        expected.append(spk)
    assert spikes.equal(torch.stack(expected))
    reason = "its part 'recurrent' (Linear) has a hook, which expects one step at a time"
    assert reason in snn.kernels.choose(neuron, xs).reason


@pytest.mark.parametrize("grad", [False, True])
def test_large_layers_are_compared_by_sums_and_follow_a_change(grad: bool) -> None:
    neuron = Changing([CODES["a global"]])
    for call in (Call(), Call(number=0.4), Call()):
        with call.surroundings(neuron):
            xs = torch.rand(3, 4001, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
            with torch.set_grad_enabled(grad):
                spikes, last = neuron.unroll(xs)
                state, expected = None, []
                for x in xs:
                    spk, state = neuron.step(x, state)
                    expected.append(spk)
        assert spikes.equal(torch.stack(expected))
        assert all(map(torch.equal, last, state))


def test_a_step_that_writes_into_its_input_is_refused_and_later_ones_are_compared_anew() -> None:
    neuron, xs = Changing([CODES["a global"]]), torch.rand(5, 3, 5, dtype=torch.float64)
    with torch.no_grad():
        neuron.unroll(xs)
        integrate = type(neuron).integrate
        neuron.integrate = lambda x, state: integrate(neuron, x.mul_(0.5), state)
        halved = neuron.unroll(xs.clone())[0]
        del neuron.integrate
        state, expected = None, []
        for x in 0.5 * xs:
            spk, state = neuron.step(x, state)
            expected.append(spk)
        assert halved.equal(torch.stack(expected))
        state, expected = None, []
        for x in xs:
            spk, state = neuron.step(x, state)
            expected.append(spk)
        assert neuron.unroll(xs)[0].equal(torch.stack(expected))
