"""``unroll`` over whole nets: what the user's loop over the steps gives, layer by layer where that is the same."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import snn_core as snn

from .zoo import call_loop, close, gradients


def lif(**options: Any) -> snn.Leaky:
    return snn.Leaky(0.8, threshold=0.25, init_hidden=True, spike_grad=snn.surrogate.fast_sigmoid(slope=5), **options)


class Residual(nn.Module):
    """Adds and concatenates branches, flattens, and calls functions of ``torch.nn.functional``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, padding=1)
        self.spike = lif()
        self.other = snn.Synaptic(alpha=0.6, beta=0.7, init_hidden=True)
        self.linear = nn.Linear(5 * 9, 4)
        self.out = lif(output=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.spike(self.conv(x))
        hidden = functional.relu(hidden + self.other(hidden))
        hidden = functional.max_pool2d(torch.cat([hidden, x], dim=1), 2)
        return self.out(self.linear(hidden.flatten(1)))


class Viewed(nn.Module):
    """Asks the input for its batch size, as many tutorials do."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * 6 * 6, 4)
        self.spike = lif()

    def forward(self, x: Tensor) -> Tensor:
        return self.spike(self.linear(x.view(x.size(0), -1)))


class Scaled(nn.Module):
    """Arithmetic with numbers and parameters, and a branch on a setting of the net."""

    def __init__(self, double: bool) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1.5))
        self.double_it = double
        self.linear = nn.Linear(5, 4)
        self.spike = snn.RLeaky(beta=0.7, linear_features=4, init_hidden=True)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.linear(x) * self.gain - 0.1
        if self.double_it:
            hidden = 2 * hidden
        return self.spike(hidden)


FLAT, IMAGE = (7, 3, 5), (7, 3, 2, 6, 6)
NETS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "one neuron": (lif, FLAT),
    "linear": (lambda: nn.Sequential(nn.Linear(5, 7), lif(), nn.Linear(7, 3), lif(output=True)), FLAT),
    "nested": (
        lambda: nn.Sequential(
            nn.Sequential(nn.Linear(5, 7), nn.Sequential(lif())), nn.Identity(), nn.Linear(7, 3), lif()
        ),
        FLAT,
    ),
    "convolutional": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 3, 3),
            lif(),
            nn.MaxPool2d(2),
            nn.Conv2d(3, 4, 2),
            nn.AvgPool2d(1),
            lif(),
            nn.Flatten(),
            nn.Linear(4, 3),
            lif(output=True),
        ),
        IMAGE,
    ),
    "normalized in evaluation": (
        lambda: nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Dropout(0.5), lif()).eval(),
        FLAT,
    ),
    "ends in a linear layer": (lambda: nn.Sequential(nn.Linear(5, 7), lif(), nn.Linear(7, 3)), FLAT),
    "activations": (
        lambda: nn.Sequential(nn.LayerNorm(5), nn.Linear(5, 7), nn.GELU(), nn.Softmax(dim=1), nn.Linear(7, 3), lif()),
        FLAT,
    ),
    "recurrent": (
        lambda: nn.Sequential(
            nn.Linear(5, 7),
            snn.RLeaky(beta=0.8, linear_features=7, init_hidden=True),
            snn.SLSTM(7, 4, init_hidden=True, threshold=0.1),
            nn.Linear(4, 3),
            snn.Alpha(0.9, 0.6, init_hidden=True),
        ),
        FLAT,
    ),
    "residual": (Residual, IMAGE),
    "viewed": (Viewed, IMAGE),
    "scaled": (lambda: Scaled(double=True), FLAT),
    "own forward inside a sequential": (lambda: nn.Sequential(Scaled(double=False), nn.Linear(4, 3), lif()), FLAT),
}
every_net = pytest.mark.parametrize(("make", "shape"), NETS.values(), ids=NETS)


def build(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    return make().double(), (3 * torch.randn(shape, dtype=torch.float64)).requires_grad_()


def listed(outputs: Any) -> list[Tensor]:
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


@every_net
@pytest.mark.parametrize("schedule", ["auto", "layers", "steps"])
def test_every_schedule_gives_the_loop_in_values_and_gradients(make, shape, schedule: str) -> None:
    net, xs = build(make, shape)
    inputs = [xs, *net.parameters()]
    expected = call_loop(net, xs)
    assert listed(expected)[0].abs().mean() > 0
    expected_gradients = gradients(listed(expected), inputs)
    outputs = snn.unroll(net, xs, schedule=schedule)
    assert isinstance(outputs, tuple) == isinstance(expected, tuple)
    close(outputs, expected)
    close(gradients(listed(outputs), inputs), expected_gradients)


@every_net
def test_these_nets_run_layer_by_layer_and_report_it(make, shape) -> None:
    net, xs = build(make, shape)
    outputs, schedule = snn.unroll(net, xs, explain=True)
    assert schedule.kind == "layers", str(schedule)
    close(outputs, call_loop(net, xs))
    _, schedule = snn.unroll(net, xs, schedule="steps", explain=True)
    assert schedule.kind == "steps"
    assert str(schedule)


@every_net
@pytest.mark.parametrize("kind", ["auto", "steps"])
def test_a_schedule_that_was_returned_is_run_again_without_looking_for_one(make, shape, kind: str, monkeypatch) -> None:
    net, xs = build(make, shape)
    expected, schedule = snn.unroll(net, xs, schedule=kind, explain=True)
    for look in ("known_ahead", "recorded"):
        monkeypatch.setattr(f"snn_core.sequence.unrolling.{look}", None)
    outputs, same = snn.unroll(net, xs, schedule=schedule, explain=True)
    assert same == schedule
    close(outputs, expected)


@every_net
@pytest.mark.parametrize("schedule", ["auto", "steps"])
def test_a_net_is_left_in_the_state_of_the_loop(make, shape, schedule: str) -> None:
    (net, xs), (twin, _) = build(make, shape), build(make, shape)
    call_loop(net, xs)
    close(snn.unroll(twin, xs, schedule=schedule), call_loop(build(make, shape)[0], xs))
    for a, b in zip(net.modules(), twin.modules(), strict=True):
        if isinstance(a, snn.SpikingNeuron):
            close(tuple(getattr(b, n) for n in b.State._fields), tuple(getattr(a, n) for n in a.State._fields))
    more = xs.detach()[:2].flip(0)
    close([listed(twin(x)) for x in more], [listed(net(x)) for x in more])


@pytest.mark.exhaustive
@every_net
@pytest.mark.parametrize("schedule", ["auto", "steps"])
def test_a_sequence_cut_in_two_is_the_whole_sequence(make, shape, schedule: str) -> None:
    net, xs = build(make, shape)
    inputs = [xs, *net.parameters()]
    whole = listed(snn.unroll(net, xs, schedule=schedule))
    expected = gradients(whole, inputs)
    first = listed(snn.unroll(net, xs[:4], schedule=schedule))
    second = listed(snn.unroll(net, xs[4:], resume=True, schedule=schedule))
    joined = [torch.cat(pair) for pair in zip(first, second, strict=True)]
    close(joined, whole)
    close(gradients(joined, inputs), expected)


@every_net
@pytest.mark.exhaustive
@pytest.mark.parametrize("chunk", [2, 3, 7])
def test_chunks_change_neither_values_nor_gradients(make, shape, chunk: int) -> None:
    net, xs = build(make, shape)
    inputs = [xs, *net.parameters()]
    whole = listed(snn.unroll(net, xs))
    expected = gradients(whole, inputs)
    for schedule in ("auto", "steps"):
        outputs = listed(snn.unroll(net, xs, chunk=chunk, schedule=schedule))
        close(outputs, whole)
        close(gradients(outputs, inputs), expected)


@pytest.mark.exhaustive
@every_net
def test_unrolling_twice_starts_twice_from_rest(make, shape) -> None:
    net, xs = build(make, shape)
    for _ in range(2):
        outputs = listed(snn.unroll(net, xs))
        sum(o.sum() for o in outputs).backward()
    close(listed(snn.unroll(net, xs[:, :2]))[0], outputs[0][:, :2])


@every_net
def test_a_single_step_and_no_gradient_work_too(make, shape) -> None:
    net, xs = build(make, shape)
    with torch.no_grad():
        close(snn.unroll(net, xs[:1]), call_loop(net, xs[:1]))
    assert not any(p.grad is not None for p in net.parameters())


def test_an_unrolled_net_trains() -> None:
    # the count of spikes of class y shall grow: a sanity check that the whole of it optimizes
    net = nn.Sequential(nn.Linear(5, 16), lif(), nn.Linear(16, 3), lif())
    xs, targets = torch.randn(7, 12, 5).abs(), torch.arange(12) % 3
    xs[:, torch.arange(12), targets] += 2
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    losses = []
    for _ in range(40):
        loss = functional.cross_entropy(snn.unroll(net, xs).sum(0), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_a_forward_may_return_a_longer_tuple() -> None:
    class Three(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.spike = lif(output=True)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            spk, mem = self.spike(x)
            return spk, mem, spk - mem

    outputs = snn.unroll(Three(), torch.randn(7, 3, 5))
    assert [o.shape for o in outputs] == [(7, 3, 5)] * 3
    torch.testing.assert_close(outputs[2], outputs[0] - outputs[1])


@pytest.mark.parametrize("neurons", [40, 30_000])
def test_one_step_of_few_neurons_is_a_call_of_the_net(neurons: int) -> None:
    net = nn.Sequential(nn.Linear(6, neurons), lif(), nn.Linear(neurons, 3), lif(output=True)).double()
    xs = torch.rand(1, 4, 6, dtype=torch.float64, requires_grad=True)
    outs, schedule = snn.unroll(net, xs, explain=True)
    assert schedule.kind == ("steps" if neurons == 40 else "layers")
    expected = call_loop(net, xs)
    close(outs, expected)
    inputs = [xs, *net.parameters()]
    close(gradients(outs, inputs), gradients(expected, inputs))
    asserted, schedule = snn.unroll(net, xs, schedule="layers", explain=True)
    assert schedule.kind == "layers"
    close(asserted, expected)
    whole = snn.unroll(net, xs.repeat(2, 1, 1))
    snn.unroll(net, xs)
    close(snn.unroll(net, xs, resume=True), tuple(out[1:] for out in whole))


def in_its_place(net: nn.Sequential, number: int) -> None:
    make = nn.ReLU if number % 2 else lambda: snn.Leaky(0.4, threshold=0.25, init_hidden=True)
    address, others = id(net.pop(1)), [make()]
    while id(others[-1]) != address and len(others) < 100:  # a layer that has the address of the one that is gone
        others.append(make())
    net.insert(1, others[-1])


def replaced(net: nn.Sequential, number: int) -> None:
    net[1] = nn.Identity()
    net[1] = (nn.ReLU, lif, nn.Tanh)[number % 3]()


def renamed(net: nn.Sequential, number: int) -> None:
    name, last = list(net._modules.items())[-1]
    del net._modules[name]
    net.add_module(f"last{number % 2}", last)


def wrapped(net: nn.Sequential, number: int) -> None:
    net[3] = lif() if number % 2 else nn.Sequential(net[3])


def moved(net: nn.Sequential, number: int) -> None:
    net.insert(number % 3, net.pop(number % 2))


def of_another_class(net: nn.Sequential, number: int) -> None:
    net[1].__class__ = (nn.ReLU, nn.Tanh, nn.Sigmoid)[number % 3]


class Behind(nn.Sequential):
    """Layers in an own forward."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) - 0.1


def kept(net: nn.Module) -> list[Any]:
    return [module._kept for module in net.modules() if isinstance(module, snn.SpikingNeuron)]


@pytest.mark.parametrize("kind", [nn.Sequential, Behind])
@pytest.mark.parametrize("edit", [in_its_place, replaced, renamed, wrapped, moved, of_another_class])
def test_a_net_whose_layers_were_replaced_runs_as_it_is_now(edit: Callable[..., None], kind: type[nn.Module]) -> None:
    net, xs = kind(nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 5), lif(), lif()).double(), build(nn.Identity, FLAT)[1]
    snn.unroll(net, xs)
    for number in range(20):
        edit(net, number)
        twin = copy.deepcopy(net.double())
        outs, expected = snn.unroll(net, xs), snn.unroll(twin, xs, schedule="steps")
        close((outs, kept(net)), (expected, kept(twin)))
        close(gradients([outs], [xs, *net.parameters()]), gradients([expected], [xs, *twin.parameters()]))


def test_a_layer_of_another_class_in_an_own_forward_is_not_cut_as_the_one_before(monkeypatch) -> None:
    class Convolves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.spike = nn.Conv1d(2, 3, 3), lif()

        def forward(self, x: Tensor) -> Tensor:
            return self.spike(self.conv(x).flatten(1))

    monkeypatch.setattr("snn_core.sequence.execution._BLOCK_BYTES", 1)
    net, xs = Convolves(), torch.rand(9, 2, 2, 7)
    snn.unroll(net, xs)
    net.spike = snn.PSN(9)  # it takes the whole sequence at once
    nn.init.zeros_(net.spike.bias)
    close(snn.unroll(net, xs), net.spike(net.conv(xs.flatten(0, 1)).flatten(1).unflatten(0, (9, 2))))


def test_autocast_inside_an_own_forward_is_not_run_as_it_was_without_one_outside() -> None:
    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.spike = nn.Linear(5, 4), lif(output=True)

        def forward(self, x: Tensor) -> Tensor:
            with torch.autocast("cpu", enabled=False):
                hidden = self.linear(x)
            return self.spike(hidden)

    net, xs = Wide(), 3 * torch.randn(7, 3, 5)
    snn.unroll(net, xs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        close(snn.unroll(net, xs), call_loop(copy.deepcopy(net), xs))


@pytest.mark.parametrize("make", [lif, snn.SlidingPSN, partial(snn.RLeaky, 0.8, V=0.5, all_to_all=False)])
@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("options", [{}, {"schedule": "steps"}, {"chunk": 2}, {"schedule": "layers"}])
def test_a_step_may_be_a_single_number(make: Callable[..., Any], steps: int, options: dict[str, Any]) -> None:
    neuron = make(init_hidden=True).double() if make is not lif else lif().double()
    xs = torch.randn(steps, dtype=torch.float64, requires_grad=True)
    if options.get("schedule") == "layers":
        with pytest.raises(ValueError, match=r"layers. cannot run this net, .* no axis but time"):
            snn.unroll(neuron, xs, **options)
        return
    outs, expected = snn.unroll(neuron, xs, **options), neuron.unroll(xs)[0]
    close(outs, expected)
    close(outs, call_loop(neuron, xs))
    close(gradients([outs], [xs]), gradients([expected], [xs]))
    neuron.forget()
    for net in (nn.Sequential(neuron), Behind(neuron)):
        close(snn.unroll(net, xs, **options), expected - 0.1 * isinstance(net, Behind))


@pytest.mark.parametrize("make", [lif, Scaled, nn.Identity], ids=lambda make: make.__name__)
def test_explaining_a_sequence_of_no_steps_is_refused_as_running_it_is(make: Callable[..., nn.Module]) -> None:
    net, xs = make(*[True] * (make is Scaled)), torch.ones(0, 2, 5)
    for refused in (snn.unroll, snn.backends.explain, snn.plan_memory):
        with pytest.raises(ValueError, match=r"T >= 1 steps, got shape \(0, 2, 5\)"):
            refused(net, xs)
    with pytest.raises(ValueError, match=r"T >= 1 steps, got shape \(\)"):
        snn.backends.explain(net, torch.tensor(1.0))
