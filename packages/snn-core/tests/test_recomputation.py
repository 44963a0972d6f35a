"""Tests that ``unroll(net, xs, chunk=K)`` recomputes the same values, and that a caller sees nothing of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

import snn_core as snn

STEPS, BATCH = 11, 3
CHUNKS = [1, 4, 5, STEPS, 40]


def lif(**options: Any) -> snn.Leaky:
    return snn.Leaky(beta=0.8, init_hidden=True, **options)


def stack() -> nn.Sequential:
    return nn.Sequential(nn.Linear(5, 7), lif(learn_beta=True), nn.Linear(7, 2), lif(output=True)).double()


def inputs() -> Tensor:
    return torch.rand(STEPS, BATCH, 5, dtype=torch.float64) * 3


def outcome(net: nn.Module, xs: Tensor, seed: int = 0, **options: Any) -> tuple[Any, ...]:
    """Outputs, the states left, and the gradients of the input and of every parameter."""
    net.zero_grad()
    xs = xs.clone().requires_grad_()
    torch.manual_seed(seed)
    out = snn.unroll(net, xs, **options)
    tensors = [out] if isinstance(out, Tensor) else list(out.values() if isinstance(out, dict) else out)
    weights = torch.linspace(1, 2, STEPS, dtype=xs.dtype).view(-1, 1, 1)
    sum((weights * tensor).sum() + tensor.square().mean() for tensor in tensors).backward()
    states = [m._kept for m in net.modules() if isinstance(m, snn.SpikingNeuron)]
    return tensors, states, xs.grad, {n: p.grad for n, p in net.named_parameters()}


def same(a: Any, b: Any) -> None:
    torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("schedule", ["auto", "steps"])
def test_any_chunk_gives_the_numbers_and_gradients_of_all_steps_at_once(chunk: int, schedule: str) -> None:
    net, xs = stack(), inputs()
    same(outcome(net, xs, chunk=chunk, schedule=schedule), outcome(net, xs))


class Dictionary(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc, self.lif = nn.Linear(5, 4), lif(output=True)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        spk, mem = self.lif(self.fc(x))
        return {"spk": spk, "fired": (spk > 0).detach().to(x.dtype), "mem": mem}


@pytest.mark.exhaustive
@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_dict_of_outputs_one_of_which_has_no_gradient(chunk: int) -> None:
    net, xs = Dictionary().double(), inputs()
    same(outcome(net, xs, chunk=chunk), outcome(net, xs))
    assert list(snn.unroll(net, xs, chunk=chunk)) == ["spk", "fired", "mem"]


@pytest.mark.parametrize("chunk", CHUNKS)
def test_going_on_from_a_state_with_a_history(chunk: int) -> None:
    net, xs = stack(), inputs()

    def twice(**options: Any) -> Any:
        net.zero_grad()
        first = snn.unroll(net, xs, **options)[1]
        second = snn.unroll(net, xs, resume=True, **options)[1]
        (first.sum() + second.square().sum()).backward()
        return first, second, [p.grad for p in net.parameters()]

    same(twice(chunk=chunk), twice())


def test_dropout_draws_in_the_second_pass_what_it_drew_in_the_first() -> None:
    net, xs = nn.Sequential(nn.Linear(5, 64), nn.Dropout(0.5), lif(), nn.Linear(64, 2), lif()).double(), inputs()
    for chunk in CHUNKS:
        same(outcome(net, xs, chunk=chunk), outcome(net, xs))
    # and leaves the generator where a pass without chunks leaves it
    torch.manual_seed(1)
    snn.unroll(net, xs).sum().backward()
    expected = torch.rand(3)
    torch.manual_seed(1)
    snn.unroll(net, xs, chunk=4).sum().backward()
    assert torch.equal(torch.rand(3), expected)


class Adapting(nn.Module):
    """Divides by a running mean of its input, which it updates, in place or by a new tensor, from a step on."""

    mean: Tensor

    def __init__(self, in_place: bool, start: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.ones(1))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("unused", None)
        self.in_place, self.start = in_place, start
        self.fc, self.lif = nn.Linear(5, 4), lif()

    def forward(self, x: Tensor) -> Tensor:
        self.steps += 1
        if self.steps > self.start:
            mean = 0.5 * self.mean + 0.5 * x.detach().abs().mean()
            if self.in_place:
                self.mean.copy_(mean)
            else:
                self.mean = mean
        return self.lif(self.fc(x / self.mean.clone()))


@pytest.mark.parametrize("start", [0, 2, 9])
@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize("chunk", CHUNKS)
def test_a_buffer_that_the_output_depends_on_has_the_value_it_had_then(chunk: int, in_place: bool, start: int) -> None:
    xs = inputs()
    results = []
    for options in ({"chunk": chunk}, {}):
        torch.manual_seed(5)
        net = Adapting(in_place, start).double()
        result = outcome(net, xs, **options)
        results.append((result, net.mean, net.steps))
    same(*results)
    assert net.steps == STEPS


def test_running_statistics_are_updated_once() -> None:
    xs = inputs()
    results = []
    for options in ({"chunk": 4}, {"schedule": "steps"}):
        torch.manual_seed(5)
        net = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), lif()).double()
        result = outcome(net, xs, **options)
        results.append((result, dict(net.named_buffers())))
    same(*results)
    assert net[1].num_batches_tracked == STEPS


def test_parameters_that_need_no_gradient_get_none() -> None:
    net, xs = stack(), inputs()
    net[0].requires_grad_(False)
    out = snn.unroll(net, xs, chunk=4)[1]
    out.sum().backward()
    assert net[0].weight.grad is None
    assert net[2].weight.grad is not None
    net.requires_grad_(False)
    assert not snn.unroll(net, xs, chunk=4)[1].requires_grad
    # the input's gradient alone
    same(outcome(net, xs, chunk=4)[2], outcome(net, xs)[2])


def test_only_requested_gradients_are_computed() -> None:
    net, xs = stack(), inputs()
    gradients = torch.autograd.grad(snn.unroll(net, xs, chunk=4)[1].sum(), net[0].weight)
    same(gradients, torch.autograd.grad(snn.unroll(net, xs)[1].sum(), net[0].weight))
    assert all(p.grad is None for p in net.parameters())


def test_tensors_from_outside_of_the_net_get_their_gradients() -> None:
    gain = torch.full((5,), 1.5, dtype=torch.float64, requires_grad=True)
    squared = gain.square()

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.lif = nn.Linear(5, 4), lif(output=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.lif(self.fc(x * squared + gain))[1]

    net, xs = Scaled().double(), inputs()
    parameters = [gain, net.fc.weight]
    expected = torch.autograd.grad(snn.unroll(net, xs).sum(), parameters, retain_graph=True)
    same(torch.autograd.grad(snn.unroll(net, xs, chunk=4).sum(), parameters), expected)


class InChunks(nn.Module):
    """A net that runs over a sequence in chunks."""

    def __init__(self, net: nn.Module, chunk: int | None) -> None:
        super().__init__()
        self.net, self.chunk = net, chunk

    def forward(self, xs: Tensor) -> Tensor:
        return snn.unroll(self.net, xs, chunk=self.chunk)[1]


@pytest.mark.parametrize("schedule", ["layers", "steps"])
def test_parameters_that_are_replaced_for_a_call_are_those_of_the_backward_pass(schedule: str) -> None:
    results = []
    for chunk in (None, 4):
        torch.manual_seed(0)
        net, xs = stack(), inputs()
        if schedule == "steps":
            net[0].register_forward_hook(lambda *_: None)
        over_time = InChunks(net, chunk)
        fast = {name: (1.25 * p.detach()).requires_grad_() for name, p in over_time.named_parameters()}
        out = torch.func.functional_call(over_time, fast, (xs,))
        results.append(torch.autograd.grad(out.square().sum(), list(fast.values())))
    same(*results)


def test_a_parameter_replaced_before_the_backward_pass_changes_no_gradient() -> None:
    net, xs = stack(), inputs().requires_grad_()
    weight = net[0].weight
    expected = torch.autograd.grad(snn.unroll(net, xs)[1].square().sum(), [xs, weight])
    out = snn.unroll(net, xs, chunk=4)[1].square().sum()
    other = net[0].weight = nn.Parameter(-weight.detach())
    same(torch.autograd.grad(out, [xs, weight]), expected)
    assert net[0].weight is other


def test_a_hook_that_changes_something_outside_is_refused() -> None:
    net, xs, outputs = stack(), inputs(), []
    handle = net[1].register_forward_hook(lambda module, args, out: outputs.append(out.detach()))
    with pytest.raises(ValueError, match=r"chunk= runs a part .* which cannot be restored"):
        snn.unroll(net, xs, chunk=4)
    handle.remove()
    same(outcome(net, xs, chunk=4), outcome(net, xs))
    net[1].register_forward_hook(lambda module, args, out: 0.5 * out)
    same(outcome(net, xs, chunk=4), outcome(net, xs))


def test_parametrized_weights_are_computed_in_both_passes() -> None:
    net, xs = stack(), inputs()
    parametrizations.weight_norm(net[0])
    same(outcome(net, xs, chunk=4), outcome(net, xs))


def test_a_graph_that_is_kept_gives_its_gradients_twice() -> None:
    net, xs = stack(), inputs()
    out = snn.unroll(net, xs, chunk=4)[1].sum()
    first = torch.autograd.grad(out, list(net.parameters()), retain_graph=True)
    same(torch.autograd.grad(out, list(net.parameters())), first)
    with pytest.raises(RuntimeError, match="second time"):
        out.backward()


def test_gradients_can_be_differentiated() -> None:
    net, xs = stack(), inputs()
    parameters = [net[0].weight, net[2].weight]

    def second(**options: Any) -> Any:
        mem = snn.unroll(net, xs, **options)[1]
        first = torch.autograd.grad(mem.square().sum(), parameters, create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), parameters)

    same(second(chunk=4), second())


def test_truncation_stops_the_gradient_between_chunks() -> None:
    net, xs = nn.Sequential(snn.Leaky(beta=0.5, reset_mechanism="none", init_hidden=True, output=True)), inputs()
    mem = snn.unroll(net, xs.requires_grad_(), chunk=4, truncate=True)[1]
    mem[9].sum().backward()
    grad = xs.grad[:, 0, 0]
    same(grad, torch.tensor([0.0] * 8 + [0.5, 1.0, 0.0], dtype=torch.float64))


def test_states_given_back_between_chunks_carry_the_gradient() -> None:
    net, xs = nn.Sequential(snn.Leaky(beta=0.5, reset_mechanism="none", init_hidden=True, output=True)), inputs()
    mem = snn.unroll(net, xs.requires_grad_(), chunk=4)[1]
    mem[9].sum().backward()
    same(xs.grad[:, 0, 0], torch.tensor([0.5 ** (9 - t) if t < 10 else 0.0 for t in range(11)], dtype=torch.float64))


def test_autocast_holds_in_the_second_pass_too() -> None:
    net = nn.Sequential(nn.Linear(5, 64), lif(), nn.Linear(64, 2), lif(output=True))
    xs = inputs().float()
    results = []
    for options in ({"chunk": 4}, {}):
        net.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            mem = snn.unroll(net, xs, **options)[1]
        mem.float().square().sum().backward()
        results.append((mem, [p.grad for p in net.parameters()]))
    assert torch.equal(results[0][0], results[1][0])
    # gradients of chunks are rounded to bfloat16 before they are added
    torch.testing.assert_close(*results, rtol=0.05, atol=0.05)


def test_nothing_is_recomputed_without_gradients() -> None:
    net, xs = stack(), inputs()
    expected = snn.unroll(net, xs)
    with torch.inference_mode():
        out = snn.unroll(net, xs, chunk=4)
        assert out[0].is_inference()
        same([o.clone() for o in out], [e.detach() for e in expected])
    snn.utils.reset(net)
    with torch.no_grad():
        assert not snn.unroll(net, xs, chunk=4)[1].requires_grad


def test_a_net_made_in_inference_mode_runs_in_chunks() -> None:
    with torch.inference_mode():
        net = stack()
    net.requires_grad_(False)
    xs = inputs()
    same(snn.unroll(net, xs, chunk=4)[1], snn.unroll(net, xs)[1])


def test_a_parameter_changed_before_the_backward_pass_is_an_error() -> None:
    net, xs = stack(), inputs()
    out = snn.unroll(net, xs, chunk=4)[1].sum()
    with torch.no_grad():
        net[2].bias.add_(1)  # which no product needs for its gradient: all steps at once would not notice
    with pytest.raises(RuntimeError, match=r"parameter of the net has been changed in place.*optimizer\.step"):
        out.backward()
    out = snn.unroll(net, xs, chunk=4)[1].sum()
    with torch.no_grad():
        net[2].weight.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.backward()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reset_mechanism", "zero"),
        ("reset_delay", False),
        ("inhibition", True),
        ("spike_grad", snn.surrogate.sigmoid()),
    ],
)
def test_an_option_set_before_the_backward_pass_is_one_of_later_steps(name: str, value: Any) -> None:
    net, xs = stack(), inputs()
    expected = outcome(net, xs)[3]
    net.zero_grad()
    out = snn.unroll(net, xs, chunk=4)
    setattr(net[1], name, value)
    weights = torch.linspace(1, 2, STEPS, dtype=xs.dtype).view(-1, 1, 1)
    sum((weights * tensor).sum() + tensor.square().mean() for tensor in out).backward()
    same({n: p.grad for n, p in net.named_parameters()}, expected)
    assert getattr(net[1], name) == value


def test_the_backward_pass_is_in_the_mode_of_the_forward_pass() -> None:
    net, xs = nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Dropout(), lif()).double(), inputs()
    gradients = []
    for leaves_training in (False, True):
        torch.manual_seed(0)
        out = snn.unroll(net.train(), xs, chunk=4)
        net.train(not leaves_training)
        gradients.append(torch.autograd.grad(out.sum(), [net[0].weight, net[1].bias]))
        assert net[1].training == net[2].training == (not leaves_training)
    same(*gradients)


def test_the_net_may_run_again_before_the_backward_pass() -> None:
    net, xs = stack(), inputs()
    expected = torch.autograd.grad(snn.unroll(net, xs)[1].sum(), net[0].weight)
    out = snn.unroll(net, xs, chunk=4)[1]
    other = snn.unroll(net, xs[:5] * 2, chunk=2)[1]
    mem = net[1].mem
    same(torch.autograd.grad(out.sum(), net[0].weight), expected)
    assert net[1].mem is mem  # the backward pass leaves the states alone
    assert torch.isfinite(torch.autograd.grad(other.sum(), net[0].weight)[0]).all()


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")  # of dynamo itself
@pytest.mark.compiles
def test_a_compiled_function_around_it_gives_the_same() -> None:
    net, xs = stack(), inputs()
    expected = torch.autograd.grad(snn.unroll(net, xs)[1].sum(), net[0].weight)
    compiled = torch.compile(lambda xs: snn.unroll(net, xs, chunk=4)[1], backend="aot_eager")
    same(torch.autograd.grad(compiled(xs).sum(), net[0].weight), expected)


class Normalizes(nn.Module):
    """A net that rescales its weights in each step, which PyTorch does not count as a change."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.lif = nn.Linear(5, 4), lif()

    def forward(self, x: Tensor) -> Tensor:
        self.fc.weight.data.mul_(0.9)
        return self.lif(self.fc(x))


def test_a_chunk_is_refused_where_forward_changes_weights_unnoticed() -> None:
    net = Normalizes().double()
    with pytest.raises(ValueError, match=r"forward of Normalizes changes the parameter 'fc.weight' while it runs"):
        snn.unroll(net, inputs(), chunk=4)
    _, how = snn.unroll(net, inputs(), explain=True)
    assert how.reason == "forward changes the parameter 'fc.weight' while it runs"
