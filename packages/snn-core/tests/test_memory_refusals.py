"""Tests of the refusals of ``unroll(net, xs, memory=...)``: each gives the reason and what to do."""

from __future__ import annotations

import re
import sys
from types import MethodType

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import snn_core as snn
from snn_core.backends.loopback import Loopback

from .budget_nets import example, leaky


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory": 0}, "memory must be a number of bytes or None, got 0; 2 \\* 2\\*\\*30 is 2 GiB"),
        ({"memory": -1}, "got -1"),
        ({"memory": 1e9}, "got 1000000000.0"),
        ({"memory": True}, "got True"),
        ({"memory": "2GiB"}, "got '2GiB'"),
        ({"memory": 10**9, "chunk": 5}, "memory=1000000000 chooses the chunk, got chunk=5 too"),
        ({"memory": 10**9, "truncate": True}, "got truncate=True too"),
        ({"memory": 10**9, "lengths": [3, 4, 5]}, "samples of one length, got lengths; pass chunk="),
    ],
)
def test_meaningless_arguments_are_refused(options: dict, message: str) -> None:
    net, xs = example("Leaky", steps=5, batch=3, width=7)
    with pytest.raises(ValueError, match=message):
        snn.unroll(net, xs, **options)


def test_nets_that_cannot_be_run_ahead_are_refused_with_the_reason() -> None:
    net, xs = example("Leaky", steps=9, batch=3, width=7)
    handle = net[0].register_forward_hook(lambda *_: None)
    with pytest.raises(ValueError, match=r"'0' \(Linear\) has a hook.*pass chunk="):
        snn.unroll(net, xs, memory=10**9)
    handle.remove()
    net.history = (net[0].weight * 2,)  # inside a graph, which cannot be copied
    with pytest.raises(ValueError, match=r"this Sequential cannot be copied \(RuntimeError.*pass chunk="):
        snn.unroll(net, xs, memory=10**9)
    whole = nn.Sequential(nn.Linear(7, 3), snn.StateLeaky(beta=0.9, channels=3))
    with pytest.raises(ValueError, match=r"'1' \(StateLeaky\) takes the whole sequence at once .*\(memory\)"):
        snn.unroll(whole, xs, memory=10**9)


class Written(nn.Sequential):
    """A net with code of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


def by_a_closure(module: nn.Module) -> None:
    forward = module.forward
    module.forward = lambda x: forward(x)


def by_its_tensors(module: nn.Module) -> None:
    parts = [*module.parameters(), *module.buffers()]
    module.forward = MethodType(lambda self, *args, parts=parts: type(self).forward(self, *args), module)


def by_a_default(module: nn.Module) -> None:
    module.forward = lambda x, forward=module.forward: forward(x)


def by_a_method(module: nn.Module) -> None:
    forward = module.forward
    module.forward = MethodType(lambda _, x: forward(x), module)


@pytest.mark.parametrize("path", ["0", "1", ""])
@pytest.mark.parametrize("replace", [by_a_closure, by_its_tensors, by_a_default, by_a_method])
@pytest.mark.parametrize("written", [True, False])
def test_planning_leaves_alone_a_net_whose_forward_holds_the_net_itself(written, replace, path) -> None:
    net, xs = nn.Sequential(nn.Linear(7, 3), leaky()), torch.rand(9, 3, 7)
    net = Written(*net) if written else net
    replace(net.get_submodule(path))
    net(xs[0])
    membrane, (mem,) = net[1]._kept, net[1]._kept
    before = mem.detach().clone()
    named = rf"the forward set on {path or 'the net'!r} \(.*\) refers to the net itself.*"
    with pytest.raises(ValueError, match=named + "pass chunk="):
        snn.plan_memory(net, xs, resume=True)
    with pytest.raises(ValueError, match=named + "pass chunk="):
        snn.unroll(net, xs, memory=10**9, resume=True)
    with pytest.raises(ValueError, match=named):
        Loopback().compile(net)
    assert re.search(named, snn.backends.explain(net, xs).reason)
    assert net[1]._kept is membrane
    assert mem.equal(before)
    assert all(p.grad is None for p in net.parameters())
    assert snn.unroll(net, xs, explain=True)[1].kind == "layers"


def test_names_that_are_also_global_are_not_a_reason() -> None:
    class Wrapped(nn.Module):
        def __init__(self, net: nn.Module) -> None:
            super().__init__()
            self.NET = net

        def forward(self, x: Tensor) -> Tensor:
            return self.NET(x)

    net = Wrapped(nn.Sequential(nn.Linear(7, 3), leaky()))
    vars(sys.modules[__name__])["NET"] = net
    assert snn.plan_memory(net, torch.rand(9, 3, 7)).chunk is None
    del vars(sys.modules[__name__])["NET"]


def test_a_plan_is_refused_under_transforms_and_dispatch_modes() -> None:
    net, xs = example("Leaky", steps=9, batch=3, width=7)
    with pytest.raises(RuntimeError, match=r"not possible while .* plan beforehand with plan_memory and pass chunk="):
        torch.func.grad(lambda x: snn.unroll(net, x, memory=10**9).sum())(xs)
    with FlopCounterMode(display=False), pytest.raises(RuntimeError, match="dispatch mode"):
        snn.unroll(net, xs, memory=10**9)
    meta = nn.Sequential(nn.Linear(7, 3), leaky()).to("meta")
    with pytest.raises(ValueError, match="on the CPU, got xs on meta"):
        snn.unroll(meta, xs.to("meta"), memory=10**9)


def test_a_net_that_returns_nothing_to_differentiate_is_refused() -> None:
    net = nn.Sequential(nn.Linear(7, 3), leaky(), Detached())
    with pytest.raises(ValueError, match="no output of the net requires a gradient"):
        snn.unroll(net, torch.rand(9, 3, 7), memory=10**9)


class Detached(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.detach()


def test_a_plan_is_refused_inside_compiled_code() -> None:
    net, xs = example("Leaky", steps=40, batch=2, width=3)
    budget = snn.plan_memory(net, xs).whole_bytes
    whole = torch.compile(lambda x: snn.unroll(net, x, memory=budget), backend="eager", fullgraph=True)
    with pytest.raises(Exception, match="not possible while something other than autograd watches"):
        whole(xs)


def test_an_error_of_the_net_itself_is_passed_on() -> None:
    net, xs = example("Leaky", steps=9, batch=3, width=7)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        snn.unroll(net, xs[..., :5], memory=10**9)
    assert not torch.autograd._profiler_enabled()
