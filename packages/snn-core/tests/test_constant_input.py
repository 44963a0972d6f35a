"""Input that is one step, expanded over time: layers before the first neuron run once, and give what the loop gives."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import snn_core as snn
from snn_core.engines.fused import repeated
from snn_core.neuron.temporal import temporal

from .peak import measured
from .zoo import NEURONS, VARIANTS, Case, close, gradients

ONCE = "one step, as its input is the same in all"


def lif(**options) -> snn.Leaky:
    return snn.Leaky(beta=0.9, threshold=0.5, init_hidden=True, **options)


class Branches(nn.Module):
    """A forward whose neurons see the input, what was made of it once, and both together."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.scale = nn.Linear(6, 6), nn.Linear(6, 4), nn.Linear(6, 6)
        self.one, self.other = lif(), lif(output=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = torch.relu(self.first(x))
        spk = self.one(hidden) * torch.sigmoid(self.scale(x)) + hidden
        out, mem = self.other(self.second(spk))
        return out, mem, 2 * hidden


class Rates(nn.Module):
    """A forward without neurons in the way of its output."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.lif = nn.Linear(6, 3), lif()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.lif(self.fc(x)), self.fc(x)


def images() -> nn.Module:
    layers = nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(2), lif()
    return nn.Sequential(*layers, nn.Conv2d(4, 3, 2), nn.Flatten(), nn.Linear(12, 3), lif(output=True)).eval()


NETS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "chain": (lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5), lif(), nn.Linear(5, 3), lif()), (6,)),
    "images": (images, (2, 8, 8)),
    "neuron first": (lambda: nn.Sequential(lif(), nn.Linear(6, 3), lif()), (6,)),
    "no neuron": (lambda: nn.Sequential(nn.Linear(6, 3), nn.ReLU()), (6,)),
    "recurrent": (lambda: nn.Sequential(nn.Linear(6, 5), snn.RLeaky(0.8, linear_features=5, init_hidden=True)), (6,)),
    "delays": (lambda: nn.Sequential(snn.DelayedLinear(6, 5, 3), lif(), snn.AxonalDelay(2, 0.5)), (6,)),
    "delays behind a layer": (lambda: nn.Sequential(nn.Linear(6, 5), snn.AxonalDelay(4, 2.25), lif()), (6,)),
    "normalized through time": (lambda: nn.Sequential(nn.Linear(6, 5), snn.BatchNormTT1d(5, 11), lif()).eval(), (6,)),
    "whole sequences": (
        lambda: nn.Sequential(nn.Linear(6, 5), snn.LeakyParallel(5, 4, beta=0.5), nn.Linear(4, 2)),
        (6,),
    ),
    "branches": (Branches, (6,)),
    "an output of every step": (Rates, (6,)),
}
each = pytest.mark.parametrize("name", NETS)


def pair(name: str) -> tuple[nn.Module, nn.Module, Tensor]:
    make, shape = NETS[name]
    torch.manual_seed(0)
    net = make().double()
    return net, copy.deepcopy(net), 2 * torch.rand(4, *shape, dtype=torch.float64)


def leaves(out) -> list[Tensor]:
    return list(out) if isinstance(out, tuple) else [out]


def looped(net: nn.Module, xs: Tensor) -> list[Tensor]:
    return leaves(snn.unroll(net, xs.contiguous(), schedule="auto" if "LeakyParallel" in repr(net) else "steps"))


def backward(outs: list[Tensor], net: nn.Module) -> list[Tensor]:
    torch.manual_seed(2)
    sum((o * torch.randn_like(o)).sum() for o in outs).backward()
    return [p.grad for p in net.parameters() if p.grad is not None]


@each
def test_it_gives_the_result_of_the_loop(name: str) -> None:
    net, twin, x = pair(name)
    xs = x.expand(11, *x.shape)
    outs, schedule = snn.unroll(net, xs, explain=True)
    expected = looped(twin, xs)
    close(leaves(outs), expected)
    own, loop_gradients = backward(leaves(outs), net), backward(expected, twin)
    assert len(own) == len(loop_gradients)
    for result, reference in zip(own, loop_gradients, strict=True):
        torch.testing.assert_close(result, reference, rtol=1e-9, atol=1e-11)
    close(
        *(
            [t.detach() for t in tree_leaves([m._kept for m in temporal(n)]) if isinstance(t, Tensor)]
            for n in (net, twin)
        )
    )
    assert (ONCE in str(schedule)) == (name not in ("neuron first", "delays"))


@each
def test_all_steps_run_if_the_input_changes(name: str) -> None:
    net, _, x = pair(name)
    _, schedule = snn.unroll(net, x.expand(11, *x.shape).contiguous(), explain=True)
    assert ONCE not in str(schedule)


@pytest.mark.parametrize(
    "way", [{"chunk": 3}, {"schedule": "steps"}, {"lengths": [11, 3, 0, 7]}, {"memory": 10**6}], ids=str
)
def test_with_other_options_it_gives_the_same(way: dict) -> None:
    for name in ("chain", "images", "branches"):
        net, twin, x = pair(name)
        xs = x.expand(11, *x.shape)
        outs, expected = leaves(snn.unroll(net, xs, **way)), leaves(snn.unroll(twin, xs.contiguous(), **way))
        close(outs, expected)
        for result, expected_gradients in zip(backward(outs, net), backward(expected, twin), strict=True):
            torch.testing.assert_close(result, expected_gradients, rtol=1e-9, atol=1e-11)


def test_a_sequence_may_go_on() -> None:
    net, twin, x = pair("chain")
    whole = snn.unroll(twin, x.expand(11, *x.shape))
    first = snn.unroll(net, x.expand(5, *x.shape))
    close(torch.cat([first, snn.unroll(net, x.expand(6, *x.shape), resume=True)]), whole)


def test_the_gradient_of_every_step_is_present_where_requested() -> None:
    net, twin, x = pair("chain")
    grads = []
    for module, xs in ((net, x.expand(11, *x.shape)), (twin, x.expand(11, *x.shape).contiguous())):
        leaf = xs.detach().requires_grad_()
        backward([snn.unroll(module, leaf)], module)
        grads.append(leaf.grad)
    close(*grads)
    inner = x.clone().requires_grad_()
    torch.manual_seed(2)
    out = snn.unroll(net, inner.expand(11, *x.shape))
    (out * torch.randn_like(out)).sum().backward()
    close(inner.grad, grads[0].sum(0))


@pytest.mark.parametrize("kind", ["hook", "dropout"])
def test_hooks_still_see_every_step(kind: str) -> None:
    shapes: list[torch.Size] = []
    net = nn.Sequential(
        nn.Linear(6, 5), nn.Dropout(0.5 if kind == "dropout" else 0.0), lif(output=True, reset_mechanism="none")
    )
    if kind == "hook":
        net[0].register_forward_hook(lambda *args: shapes.append(args[2].shape))
    x = torch.rand(4, 6)
    _, mem = snn.unroll(net, x.expand(9, 4, 6))
    if kind == "hook":
        assert shapes == [(4, 5)] * 9
    else:
        drive = mem[1:] - 0.9 * mem[:-1]
        assert not torch.allclose(drive[0], drive[1])


def test_a_batch_that_is_expanded_too_and_no_batch() -> None:
    net, twin, _ = pair("chain")
    x = torch.rand(6, dtype=torch.float64)
    close(snn.unroll(net, x.expand(9, 3, 6)), snn.unroll(twin, x.expand(9, 3, 6).contiguous()))
    assert snn.unroll(net, x.expand(9, 0, 6)).shape == (9, 0, 3)


def test_layers_are_shared_without_a_gradient_too() -> None:
    net, twin, x = pair("images")
    with torch.no_grad():
        close(leaves(snn.unroll(net, x.expand(6, *x.shape))), looped(twin, x.expand(6, *x.shape)))


def test_the_memory_that_is_predicted_is_that_of_one_step_before_the_first_neuron() -> None:
    net = nn.Sequential(nn.Linear(60, 50), lif(), nn.Linear(50, 10), lif())
    xs = torch.rand(8, 60).expand(40, 8, 60)
    plans = [snn.plan_memory(net, xs), snn.plan_memory(net, xs.contiguous())]
    assert plans[0].predicted_bytes <= plans[1].predicted_bytes  # less, where neurons do not store more than layers
    assert plans[0].least_bytes < plans[1].least_bytes
    assert plans[0].predicted_bytes == pytest.approx(measured(net, xs), rel=0.15)


def summed(neuron: snn.SpikingNeuron, rows: Tensor, repeat: Callable[[Tensor, int], Tensor]) -> list[Tensor]:
    """Gradients of one step's input, which a function repeats, and of what the neuron learns."""
    torch.manual_seed(3)
    leaf = rows.clone().requires_grad_()
    spk, states = neuron.unroll(repeat(leaf, 40), trace=True)
    return gradients((spk, *states), [leaf, *neuron.parameters()])


def written_out(rows: Tensor, steps: int) -> Tensor:
    return rows.expand(steps, *rows.shape).contiguous()


@pytest.mark.parametrize("case", VARIANTS, ids=str)
def test_the_gradient_of_a_repeated_step_is_the_sum_of_those_of_all(case: Case) -> None:
    rows = case.input(1)[0]
    neuron = case.make()
    for result, expected in zip(summed(neuron, rows, repeated), summed(neuron, rows, written_out), strict=True):
        scale = float(1 + expected.nan_to_num(0, 0, 0).abs().max())  # a quadratic neuron may run away
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-11 * scale, equal_nan=True)


@pytest.mark.parametrize("case", NEURONS, ids=str)
def test_the_same_holds_in_float32(case: Case) -> None:
    rows = case.input(1)[0].float()
    neuron = case.make().float()
    for result, expected in zip(summed(neuron, rows, repeated), summed(neuron, rows, written_out), strict=True):
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-5 * float(1 + expected.abs().max()))


def test_channels_last_rows_are_summed_as_they_lie() -> None:
    rows = torch.randn(3, 4, 5, 6, dtype=torch.float64).to(memory_format=torch.channels_last)
    neuron = snn.Leaky(beta=torch.rand(4, 1, 1), learn_beta=True).double()
    close(summed(neuron, rows, repeated), summed(neuron, rows, written_out))


def test_a_repeated_step_is_differentiated_twice() -> None:
    neuron, rows = snn.Leaky(beta=0.9, spike_grad=snn.surrogate.sigmoid(2)), torch.rand(2, 3, dtype=torch.float64)

    def second(repeat: Callable[[Tensor, int], Tensor]) -> Tensor:
        leaf = rows.clone().requires_grad_()
        spk, state = neuron.unroll(repeat(leaf, 5), trace=True)
        (first,) = torch.autograd.grad((spk * state.mem).sum(), leaf, create_graph=True)
        return torch.autograd.grad(first.square().sum(), leaf)[0]

    close(second(repeated), second(written_out))


def test_the_gradient_of_each_repeated_step_is_available_on_request() -> None:
    neuron, rows = snn.Leaky(beta=0.9), torch.rand(2, 3, dtype=torch.float64, requires_grad=True)
    gradients: list[Tensor] = []
    hooked, copy = repeated(rows, 5), repeated(rows, 5)
    hooked.register_hook(gradients.append)
    copy.retain_grad()
    leaf = rows.detach().expand(5, 2, 3).contiguous().requires_grad_()
    for xs in (hooked, copy, leaf):
        neuron.unroll(xs, trace=True)[1].mem.square().sum().backward()
    assert leaf.grad is not None
    assert copy.grad is not None
    assert rows.grad is not None
    close((gradients[0], copy.grad, rows.grad), (leaf.grad, leaf.grad, 2 * leaf.grad.sum(0)))
