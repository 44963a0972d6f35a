"""``unroll`` sets nothing on a net, nothing in the process, and takes turns with other threads."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack

import snn_core as snn
from snn_core.neuron.temporal import current

from .zoo import call_loop, close

XS = torch.rand(7, 3, 5, dtype=torch.float64)


def attributes(net: nn.Module) -> list[dict[str, Any]]:
    """All attributes of all modules but what neurons keep from step to step."""
    return [{k: v for k, v in vars(m).items() if k not in ("_kept", "_kept_in", "seen")} for m in net.modules()]


class Looks(nn.Module):
    """Looks at a net whenever it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 4)
        self.spike = snn.Leaky(beta=0.8, threshold=0.3, init_hidden=True)
        self.seen: list[Any] = []

    def forward(self, x: Tensor) -> Tensor:
        LOOK(self)
        return self.spike(self.linear(x))


def LOOK(module: nn.Module) -> None:
    """Return the functions that every step calls; tests replace them."""


def looking(net: nn.Module) -> Any:
    def look(module: Looks) -> None:
        module.seen.append((attributes(net), current() is not None, bool(_get_current_function_mode_stack())))

    return look


@pytest.mark.parametrize("options", [{}, {"chunk": 4}, {"schedule": "steps"}, {"lengths": [7, 3, 5]}], ids=str)
def test_nothing_is_set_on_a_net_while_it_runs(options: dict[str, Any], monkeypatch) -> None:
    net = nn.Sequential(Looks(), nn.ReLU(), nn.Linear(4, 2), snn.Synaptic(0.8, 0.7, init_hidden=True)).double()
    before = attributes(net)
    monkeypatch.setitem(globals(), "LOOK", looking(net))
    snn.unroll(net, XS, **options).sum().backward()
    records = net[0].seen
    assert records
    for flags, _, _ in records:
        assert flags == before
    assert attributes(net) == before
    assert [is_watched for _, is_watched, _ in records][2:] == [False] * (len(records) - 2)
    assert [has_mode for _, _, has_mode in records][2:] == [False] * (len(records) - 2)
    assert current() is None
    assert not _get_current_function_mode_stack()


def test_a_failure_in_the_first_step_leaves_nothing_on(monkeypatch) -> None:
    net = Looks().double()

    def fails(module: nn.Module) -> None:
        raise KeyError("made to fail")

    monkeypatch.setitem(globals(), "LOOK", fails)
    with pytest.raises(KeyError, match="made to fail"):
        snn.unroll(net, XS)
    assert current() is None
    assert not _get_current_function_mode_stack()
    monkeypatch.undo()
    close(snn.unroll(net, XS), call_loop(net, XS))


@pytest.fixture
def quick_switches() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 4)
        self.spike = snn.Leaky(beta=0.8, threshold=0.3, init_hidden=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.spike(self.linear(x.view(x.size(0), -1)))


def in_threads(*works: Any) -> list[BaseException]:
    failures: list[BaseException] = []

    def guarded(work: Any) -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


@torch.no_grad()
def test_modules_in_other_threads_are_not_affected(quick_switches) -> None:
    nets, layer, done = [Own().double() for _ in range(2)], nn.Linear(5, 3).double(), threading.Event()
    reference = layer(XS[0])
    expected = [snn.unroll(net, XS) for net in nets]

    def unrolls(net: nn.Module, out: Tensor) -> Any:
        def work() -> None:
            try:
                for _ in range(150):
                    assert torch.equal(snn.unroll(net, XS), out)
            finally:
                done.set()

        return torch.no_grad()(work)

    def calls() -> None:
        while not done.is_set():
            assert torch.equal(layer(XS[0]), reference)

    assert in_threads(*map(unrolls, nets, expected), torch.no_grad()(calls)) == []


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.exhaustive)])
def test_a_layer_in_another_thread_works_during_many_calls(count: int, quick_switches) -> None:
    nets = [nn.Sequential(nn.Linear(5, 4), snn.Leaky(0.8, init_hidden=True)).double(), Own().double()]
    layer, xs, done = nn.Linear(5, 3).double(), XS[:4, :1], threading.Event()
    reference, expected = layer(XS[0]).detach(), [snn.unroll(net, xs).detach() for net in nets]

    def unrolls() -> None:
        try:
            for i in range(count):
                at = i % 20 == 0  # the second is recorded, which takes some times as long
                assert torch.equal(snn.unroll(nets[at], xs), expected[at])
        finally:
            done.set()

    def calls() -> None:
        while not done.is_set():
            assert torch.equal(layer(XS[0]), reference)

    assert in_threads(torch.no_grad()(unrolls), torch.no_grad()(calls)) == []


def test_two_threads_cannot_unroll_one_net(monkeypatch) -> None:
    net, inside, go_on = Looks().double(), threading.Event(), threading.Event()

    def waits(module: nn.Module) -> None:
        inside.set()
        assert go_on.wait(60)

    monkeypatch.setitem(globals(), "LOOK", waits)
    first = threading.Thread(target=snn.unroll, args=(net, XS))
    first.start()
    assert inside.wait(60)
    try:
        with pytest.raises(RuntimeError, match=r"another thread is unrolling this Sequential.*copy\.deepcopy"):
            snn.unroll(nn.Sequential(net), XS)
    finally:
        go_on.set()
        first.join()
    monkeypatch.undo()
    close(snn.unroll(net, XS), call_loop(net, XS))


@torch.no_grad()
def test_streams_through_nets_that_share_a_layer_keep_their_states(quick_switches) -> None:
    encoder = nn.Sequential(nn.Linear(5, 4), snn.Leaky(beta=0.8, threshold=0.3, init_hidden=True))
    nets = [nn.Sequential(encoder, nn.Linear(4, 3), snn.Leaky(0.7, init_hidden=True)).double() for _ in range(2)]
    inputs = [torch.rand(300, 2, 5, dtype=torch.float64) for _ in nets]
    expected = [call_loop(net, xs) for net, xs in zip(nets, inputs, strict=True)]

    def streams(index: int) -> Any:
        def work() -> None:
            run = snn.stream(nets[index])
            out = torch.stack([run(x).clone() for x in inputs[index]])
            assert torch.equal(out, expected[index])

        return work

    assert in_threads(streams(0), streams(1)) == []


def test_hooks_on_saved_tensors_go_together_with_chunks() -> None:
    net, xs = Own().double(), XS.clone().mul_(1.0).requires_grad_()
    expected = torch.autograd.grad(snn.unroll(net, xs).sum(), [xs, *net.parameters()])
    xs.detach().mul_(1.0)  # counts as a change
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t):
        gradients = torch.autograd.grad(snn.unroll(net, xs, chunk=2).sum(), [xs, *net.parameters()])
    torch.testing.assert_close(gradients, expected)
