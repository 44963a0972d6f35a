"""Tests of the checks that ``unroll`` makes before it trusts a ``forward`` to run layer by layer."""

from __future__ import annotations

import random
import re
import sys
import threading

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

XS = torch.rand(6, 2, 3)
KEPT: list[object] = []


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 4)
        self.lif = snn.Leaky(beta=0.9, init_hidden=True)
        self.register_buffer("count", torch.zeros(()))
        self.records: dict[str, list[object]] = {"spk": []}

    def forward(self, x):
        return self.lif(self.fc(x))


class WithDefaults(Net):
    def forward(self, x, mem=None, scale=2.0):
        spk = super().forward(x)
        return spk * scale if mem is None else mem


class BranchesByPython(Net):
    def forward(self, x):
        return super().forward(x) * (1 if random.random() < 0.5 else 2)


class BranchesByTorch(Net):
    def forward(self, x):
        return super().forward(x) * (1 if torch.rand(()) < 0.5 else 2)


class MakesATensor(Net):
    def forward(self, x):
        return self.lif(self.fc(x) + torch.arange(4.0))


class CountsInABuffer(Net):
    def forward(self, x):
        self.count += 1
        return super().forward(x)


class AppendsInside(Net):
    def forward(self, x):
        spk = super().forward(x)
        self.records["spk"].append(spk)
        return spk


class AppendsOutside(Net):
    def forward(self, x):
        spk = super().forward(x)
        KEPT.append(spk)
        return spk


class AppendsThenBranches(AppendsOutside):
    def forward(self, x):
        spk = super().forward(x)
        return spk if spk.sum() > 0 else spk * 2


class AppendsAndSets(AppendsOutside):
    def forward(self, x):
        self.last = super().forward(x)
        return self.last


class Sets(Net):
    def forward(self, x):
        self.last = super().forward(x)
        return self.last


class Keeps(nn.Module):
    """A net of two neurons, of which the second drives the first of the next step where a subclass says so."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 4)
        self.lif = snn.Leaky(beta=0.9, threshold=0.3, init_hidden=True)
        self.rlif = snn.RLeaky(beta=0.8, threshold=0.3, V=0.2, all_to_all=False, init_hidden=True, output=True)
        self.feedback = nn.Linear(4, 4)

    def before(self, h):
        return h

    def after(self) -> None:
        """Apply the operations that follow the neurons."""

    def forward(self, x):
        spk = self.rlif(self.lif(self.before(self.fc(x) + 0.5)))[0]
        self.after()
        return spk


class FeedsBackTheMembrane(Keeps):
    def before(self, h):
        return h + self.feedback(self.lif.mem) if self.lif.mem.numel() else h


class FeedsBackTheSpikes(Keeps):
    def before(self, h):
        return h if self.rlif.spk.shape == (0,) else h - self.feedback(self.rlif.spk)


class ControlsItsGain(Keeps):
    def before(self, h):
        return h if self.lif.mem.numel() == 0 else h * (1 + self.lif.mem.abs().mean().item())


class ActsInTheFirstStep(Keeps):
    def before(self, h):
        return h + 1 if self.rlif.mem.numel() == 0 else h


class CatchesWhatIsRaised(Keeps):
    def before(self, h):
        try:
            return h + self.feedback(self.lif.mem)
        except Exception:
            return h


class ClampsInPlace(Keeps):
    def before(self, h):
        if self.lif.mem.numel():
            with torch.no_grad():
                self.lif.mem.clamp_(max=0.3)
        return h


class Writes(Keeps):
    def after(self) -> None:
        self.lif.mem = torch.full((2, 4), 0.1, dtype=torch.float64)


class DetachesAll(Keeps):
    def after(self) -> None:
        snn.utils.detach(self)


class DetachesOne(Keeps):
    def before(self, h):
        self.lif.detach_kept()
        return h


class ResetsAll(Keeps):
    def before(self, h):
        snn.utils.reset(self)
        return h


class ResetsAfterwards(Keeps):
    def after(self) -> None:
        snn.utils.reset(self)


class ResetsOne(Keeps):
    def before(self, h):
        self.lif.reset_mem()
        return h


class ResetsByTheNameOfThePeer(Keeps):
    def after(self) -> None:
        self.rlif.init_rleaky()


KEEPERS = {
    FeedsBackTheMembrane: "reads",
    FeedsBackTheSpikes: "reads",
    ControlsItsGain: "reads",
    ActsInTheFirstStep: "reads",
    CatchesWhatIsRaised: "reads",
    ClampsInPlace: "reads",
    Writes: "writes",
    DetachesAll: "detaches",
    DetachesOne: "detaches",
    ResetsAll: "resets",
    ResetsAfterwards: "resets",
    ResetsOne: "resets",
    ResetsByTheNameOfThePeer: "resets",
}


@pytest.mark.parametrize("kind", KEEPERS, ids=lambda kind: kind.__name__)
def test_a_forward_that_touches_what_neurons_keep_runs_as_the_loop(kind: type[Keeps]) -> None:
    net, xs = kind().double(), XS.double().requires_grad_()
    inputs = [xs, *net.parameters()]

    def outcome(run) -> list[torch.Tensor]:
        out = run()
        gradients = torch.autograd.grad(
            (out * torch.arange(out.numel()).view(out.shape)).sum(), inputs, allow_unused=True
        )
        return [out, *(torch.zeros_like(i) if g is None else g for g, i in zip(gradients, inputs, strict=True))]

    def loop() -> torch.Tensor:
        snn.utils.reset(net)
        return torch.stack([net(x) for x in xs])

    expected = outcome(loop)
    assert expected[0].any()
    assert expected[1].any()
    snn.utils.reset(net)
    for _ in range(2):  # at rest, and from what the run before has left
        torch.testing.assert_close(outcome(lambda: snn.unroll(net, xs)), expected, rtol=0, atol=0)
    plan = snn.backends.explain(net, xs)
    where = r"('r?lif' \(R?Leaky\))"
    assert re.fullmatch(rf"forward {KEEPERS[kind]} the state that {where} keeps", plan.reason)
    assert "_traced" not in vars(net.lif)


def test_a_forward_that_leaves_alone_what_neurons_keep_runs_layer_by_layer() -> None:
    net = Keeps()
    assert snn.backends.explain(net, XS).kind == "layers"
    net(XS[0])
    assert snn.backends.explain(net, XS).kind == "layers"
    assert net.lif.mem.shape == (2, 4)
    snn.utils.detach(net)
    snn.utils.reset(net)
    assert net.lif.mem.shape == (0,)


class Long(Net):
    """A net whose ``forward`` takes a while to trace."""

    def forward(self, x):
        for _ in range(20):
            x = x + 0.1
        return super().forward(x)


@pytest.mark.exhaustive
def test_nets_of_several_threads_are_traced_one_after_the_other() -> None:
    nets, kinds = [Long() for _ in range(3)], []
    together = threading.Barrier(len(nets))

    def work(net: nn.Module) -> None:
        together.wait()
        kinds.extend(snn.backends.explain(net, XS).kind for _ in range(4))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(net,)) for net in nets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert kinds == ["layers"] * 12
    assert nn.Linear(3, 4)(XS).shape == (6, 2, 4)


def looped(net: nn.Module) -> torch.Tensor:
    snn.utils.reset(net)
    return torch.stack([net(x) for x in XS])


def test_a_forward_sees_its_own_defaults() -> None:
    net = WithDefaults().double()
    spk, plan = snn.unroll(net, XS.double(), explain=True)
    assert plan.kind == "layers"
    assert spk.unique().tolist() in ([0.0, 2.0], [0.0])
    assert spk.equal(snn.unroll(net, XS.double(), schedule="steps"))


@pytest.mark.parametrize("kind", [BranchesByPython, BranchesByTorch])
def test_a_forward_that_draws_numbers_runs_as_the_loop_and_from_the_same_draws(kind: type[Net]) -> None:
    net = kind()
    random.seed(0)
    torch.manual_seed(0)
    spk, plan = snn.unroll(net, XS, explain=True)
    reason = {BranchesByPython: "draws random numbers", BranchesByTorch: "reads a value into Python (__bool__)"}[kind]
    assert (plan.kind, plan.reason) == ("steps", f"forward {reason}")
    random.seed(0)
    torch.manual_seed(0)
    assert spk.equal(looped(net))


def test_a_tensor_created_equal_in_every_step_is_created_once() -> None:
    net = MakesATensor()
    spk, plan = snn.unroll(net, XS, explain=True)
    assert plan.kind == "layers"
    assert spk.equal(looped(net))


def test_a_buffer_counts_as_many_steps_as_the_loop() -> None:
    net = CountsInABuffer()
    _, plan = snn.unroll(net, XS, explain=True)
    assert "one step after another (changes 'count')" in str(plan)
    assert net.count.item() == 6


@pytest.mark.parametrize("kind", [AppendsInside, AppendsOutside, AppendsThenBranches, AppendsAndSets])
def test_values_left_outside_of_the_call_are_those_of_every_step(kind: type[Net]) -> None:
    net = kind()
    for schedule in ("auto", "steps"):
        KEPT.clear()
        net.records["spk"].clear()
        spk, plan = snn.unroll(net, XS, schedule=schedule, explain=True)
        assert plan.kind == "steps"
        assert torch.stack(KEPT or net.records["spk"]).equal(spk)


def test_tracing_leaves_nothing_behind() -> None:
    net = Net()
    before = {name: dict(vars(module)) for name, module in net.named_modules()}
    numbers = torch.get_rng_state()
    assert snn.backends.explain(net, XS).kind == "layers"
    assert numbers.equal(torch.get_rng_state())
    for name, module in net.named_modules():
        assert all(vars(module)[key] is value for key, value in before[name].items())


def test_an_attribute_is_left_as_the_loop_leaves_it() -> None:
    net = Sets()
    spk, plan = snn.unroll(net, XS, explain=True)
    assert plan.reason == "forward changes the attribute 'last' of Sets while it runs"
    assert net.last.equal(spk[-1])


def test_a_net_that_was_made_in_inference_mode_is_traced_like_any_other() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lif = snn.Leaky(beta=0.9, init_hidden=True)

        def forward(self, x: Tensor) -> Tensor:
            return 2 * self.lif(x)

    xs = 2 * torch.rand(5, 2, 3)
    expected = snn.unroll(Own(), xs)
    with torch.inference_mode():
        net = Own()
        result, plan = snn.unroll(net, xs, explain=True)
    assert plan.kind == "layers"
    assert torch.equal(result, expected)
    with torch.no_grad():
        assert torch.equal(snn.unroll(net, xs, schedule="layers"), expected)
