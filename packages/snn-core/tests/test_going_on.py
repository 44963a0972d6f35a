"""A neuron that is called without its state: at rest, or where it was asked to, from its last one."""

from __future__ import annotations

import copy
import pickle
import warnings

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

from .zoo import NEURONS, Case, close, gradients, step_loop

X = torch.full((3, 5), 0.75)
FORGETS = "has init_hidden=False and gets no state, so it would start at rest in every step"


def adder() -> snn.Leaky:
    """Its membrane is the sum of its inputs."""
    return snn.Leaky(beta=1.0, reset_mechanism="none")


def without_states(case: Case, neuron: snn.SpikingNeuron, xs: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    spikes, states = [], ()
    for x in xs:
        spk, states = case.unpack(neuron(x))
        spikes.append(spk)
    return torch.stack(spikes), tuple(states[0]) if case.state_in_one else tuple(states)


@pytest.mark.parametrize("case", NEURONS, ids=str)
def test_a_neuron_continues_from_its_state_until_it_is_reset_again(case: Case) -> None:
    neuron, xs = case.make(), case.input().requires_grad_()
    inputs = [xs, *neuron.parameters()]
    for reset in (neuron.reset_mem, neuron.reset_mem, lambda: snn.utils.reset(neuron)):
        expected, last = step_loop(neuron, xs)
        reset()
        spk, states = without_states(case, neuron, xs)
        close((spk, states), (expected, tuple(last)))
        close(gradients([spk, *states], inputs), gradients([expected, *last], inputs))


@pytest.mark.parametrize("name", ["Leaky", "Synaptic", "Lapicque", "Alpha", "RLeaky", "RSynaptic", "SLSTM"])
def test_the_peers_own_name_of_the_reset_does_the_same(name: str) -> None:
    case = next(c for c in NEURONS if getattr(c.constructor, "func", None) is getattr(snn, name))
    neuron = case.make()
    getattr(neuron, f"init_{name.lower()}")()
    expected, _ = step_loop(neuron, case.input())
    close(without_states(case, neuron, case.input())[0], expected)


def test_a_run_continues_from_a_passed_state_too() -> None:
    lif = adder()
    _, mem = lif(X, lif.reset_mem())
    _, mem = lif(X, mem)
    assert torch.equal(lif(X)[1], 3 * X)
    assert torch.equal(lif.mem, 3 * X)
    assert torch.equal(lif(X, None)[1], 4 * X)
    synaptic = snn.Synaptic(alpha=0.5, beta=1.0, reset_mechanism="none")
    synaptic.reset_mem()
    synaptic(X)
    assert torch.equal(synaptic(X, mem=torch.zeros(3, 5))[1], 1.5 * X)  # and only the membrane was passed


def test_a_run_continues_from_a_state_that_was_set() -> None:
    lif = adder()
    lif.mem = X
    assert torch.equal(lif(X)[1], 2 * X)


def test_its_state_is_not_a_buffer_and_goes_with_copies() -> None:
    lif = adder()
    lif.reset_mem()
    lif(X.clone().requires_grad_())
    assert lif.state_dict().keys() == adder().state_dict().keys()
    for twin in (copy.deepcopy(lif), pickle.loads(pickle.dumps(lif))):
        assert torch.equal(twin(X)[1], 2 * X)
    snn.utils.detach(lif)
    assert not lif.mem.requires_grad


def test_its_state_goes_on_from_a_file(tmp_path) -> None:
    lif, loaded, fresh = adder(), adder(), adder()
    lif.reset_mem()
    snn.save(tmp_path / "at rest", lif, state=True)
    for _ in range(2):
        lif(X)
    snn.save(tmp_path / "net", lif, state=True)
    snn.load(tmp_path / "net", loaded, state=True)
    assert torch.equal(loaded.mem, 2 * X)
    for count in (3, 4):
        assert torch.equal(loaded(X)[1], count * X)
    snn.load(tmp_path / "at rest", fresh, state=True)
    snn.load(tmp_path / "net", fresh)  # and without its states
    assert torch.equal(fresh(X)[1], X)
    assert fresh.mem.shape == (0,)


def test_a_batch_of_another_size_is_an_error_until_the_neuron_is_reset() -> None:
    lif = adder()
    lif.reset_mem()
    lif(X)
    with pytest.raises(ValueError, match=r"Leaky keeps a state 'mem' of shape \(3, 5\).*utils\.reset\(net\)"):
        lif(X[:2])
    lif.reset_mem()
    assert torch.equal(lif(X[:2])[1], X[:2])


class Loop(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(5, 4)
        self.lif = snn.Leaky(beta=0.9)

    def forward(self, xs: Tensor) -> Tensor:
        self.lif.reset_mem()
        return torch.stack([self.lif(self.fc(x))[0] for x in xs])


def test_it_goes_on_in_one_compiled_graph() -> None:
    torch._dynamo.reset()
    net, xs = Loop(), torch.rand(6, 3, 5) * 4
    compiled = torch.compile(net, backend="eager", fullgraph=True)
    expected = net(xs)
    assert 0 < expected.mean() < 1
    for _ in range(2):
        assert torch.equal(compiled(xs), expected)


def test_one_step_compiled_goes_on_from_call_to_call() -> None:
    torch._dynamo.reset()
    lif = adder()
    step = torch.compile(lif, backend="eager", fullgraph=True)
    for _ in range(2):
        lif.reset_mem()
        for count in range(1, 4):
            assert torch.equal(step(X)[1], count * X)


def test_unroll_of_a_net_that_goes_on_is_its_loop() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.lif = nn.Linear(5, 4), snn.Leaky(beta=0.9)

        def forward(self, x: Tensor) -> Tensor:
            return self.lif(self.fc(x))[0]

    net, xs = Net(), torch.rand(6, 3, 5) * 4
    with pytest.raises(ValueError, match=f"unroll: 'lif' .Leaky. {FORGETS}"):
        snn.unroll(net, xs)
    net.lif.reset_mem()
    expected = torch.stack([net(x) for x in xs])
    out, plan = snn.unroll(net, xs, explain=True)
    assert torch.equal(out, expected)
    assert plan.kind == "steps"
    with pytest.raises(ValueError, match="'lif'"):
        snn.unroll(net, xs, schedule="layers")


@pytest.mark.parametrize("case", NEURONS, ids=str)
def test_without_a_reset_it_starts_at_rest_and_the_second_call_in_a_row_warns_once(case: Case) -> None:
    neuron, xs = case.make(), case.input(4)
    first = case.unpack(neuron(xs[0]))
    with pytest.warns(UserWarning, match=rf"{type(neuron).__name__} {FORGETS}.*reset_mem\(\).*None") as error:
        close(case.unpack(neuron(xs[0])), first)
    assert error[0].filename == __file__
    close(case.unpack(neuron(xs[0])), first)


def test_the_warning_shows_the_line_of_the_program_that_calls_the_net() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Sequential(snn.Leaky(beta=0.9)))
    net(torch.ones(2, 3))
    with pytest.warns(UserWarning, match=FORGETS) as error:
        net(torch.ones(2, 3))
    assert error[0].filename == __file__


def test_passing_states_does_not_warn() -> None:
    lif = adder()
    for start in (lambda: lif(X), lambda: lif(X, None), lambda: lif(X, mem=None)):
        for _ in range(3):
            _, mem = start()
            for _ in range(2):
                _, mem = lif(X, mem)
    for _ in range(3):
        snn.utils.reset(lif)
        lif(X)
    for _ in range(3):
        lif(X, None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            lif.unroll(X.expand(2, 3, 5))


@pytest.mark.parametrize("shape", [(1,), (), (1, 1)])
@pytest.mark.parametrize("of_input", [(), (1,), (1, 1), (3, 5)])
def test_a_state_of_one_element_stands_for_all(shape: tuple[int, ...], of_input: tuple[int, ...]) -> None:
    mem = torch.full(shape, 0.5, requires_grad=True)
    x = torch.full(of_input, 0.2)
    spk, after = snn.Leaky(beta=0.5)(x, mem)
    assert spk.shape == after.shape == of_input
    torch.testing.assert_close(after, torch.full(of_input, 0.45))
    after.sum().backward()
    torch.testing.assert_close(mem.grad, torch.full(shape, 0.5 * x.numel()))


@pytest.mark.parametrize("name", ["leaky", "synaptic", "lapicque", "alpha", "rleaky one to one", "deltaleaky"])
def test_a_single_number_is_a_step_from_states_of_one_element(name: str) -> None:
    case = next(c for c in NEURONS if c.name == name)
    neuron, x = case.constructor().double(), torch.tensor(0.2, dtype=torch.float64)
    states = tuple(torch.full((1,), 0.5, dtype=torch.float64) for _ in neuron.State._fields)
    expected, last = neuron.step(x, neuron.State._make(s.squeeze(0) for s in states))
    spk, after = case.unpack(neuron(x, *case.states(states)))
    assert spk.shape == ()
    close((spk, after), (expected, case.states(last)))
