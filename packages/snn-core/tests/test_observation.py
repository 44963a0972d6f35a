"""An observation sees each call of a module once, with its values, however the net is run, and leaves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core.graph import ModuleCall, Observation, needs_all_steps

from .zoo import close


class Seen(Observation):
    """The inputs and outputs of modules in all steps, ``[T, batch, ...]``, by path."""

    def __init__(self, net: nn.Module, hooked: Iterable[nn.Module] | None = None) -> None:
        super().__init__(net, net.modules() if hooked is None else hooked)
        self.begun: list[str] = []
        self.inputs: dict[str, list[Tensor]] = {}
        self.outputs: dict[str, list[Tensor]] = {}

    def before(self, call: ModuleCall) -> None:
        self.begun.append(call.path)

    def after(self, call: ModuleCall) -> None:
        if not call.is_whole or not isinstance(call.x, Tensor):
            return
        for values, value in ((self.inputs, call.x), (self.outputs, call.out)):
            steps = value.unsqueeze(0) if call.folding is None else call.folding.unfold(value)
            values.setdefault(call.path, []).append(steps.detach())


class Own(nn.Sequential):
    """The same net with code of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + 0)


def layers(whole: bool) -> list[nn.Module]:
    torch.manual_seed(0)
    last = snn.LeakyParallel(4, 4, beta=0.5) if whole else snn.Leaky(beta=0.9, init_hidden=True)
    hidden = snn.Leaky(beta=0.8, init_hidden=True)
    return [nn.Linear(3, 5), nn.LayerNorm(5), hidden, nn.Conv1d(1, 1, 2), last]


def net_of(kind: type[nn.Sequential], whole: bool) -> nn.Sequential:
    linear, norm, hidden, conv, last = layers(whole)
    return kind(linear, norm, hidden, nn.Unflatten(1, (1, 5)), conv, nn.Flatten(), last).double()


@pytest.mark.parametrize("kind", [nn.Sequential, Own])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("lengths", [None, [7, 2]])
def test_each_module_is_seen_once_a_step_with_its_values(
    kind: type[nn.Sequential], whole: bool, lengths: list[int] | None
) -> None:
    net, xs = net_of(kind, whole), torch.rand(7, 2, 3).double()
    if lengths is not None:
        xs[2:, 1] = 0
    observation = Seen(net)
    with observation.watching():
        out, how = snn.unroll(net, xs, lengths=lengths, explain=True)
    assert how.kind == ("layers" if whole else "steps")
    assert needs_all_steps(net) is whole
    assert observation.begun.count("2") == (1 if whole else 7)
    if lengths is not None and not whole:  # a step has the samples that still run
        assert [len(steps[0]) for steps in observation.outputs["6"]] == [2, 2, 1, 1, 1, 1, 1]
        return
    close(torch.cat(observation.outputs["6"]), out.detach())
    if kind is nn.Sequential or not whole:  # a net's own code calls functions in a plan
        close(torch.cat(observation.outputs["0"])[:2], net[0](xs[:2]).detach())
        close(torch.cat(observation.inputs["2"]), torch.cat(observation.outputs["1"]))


def own_loop(net: Any, xs: Tensor) -> Tensor:
    return torch.stack([net[6](net[5](net[4](net[3](net[2].forward(net[1](net[0](x))))))) for x in xs])


@pytest.mark.parametrize("run", [own_loop, lambda net, xs: torch.stack([net(x) for x in xs]), snn.unroll])
def test_an_own_loop_is_seen_as_unroll_is(run: Callable[..., Tensor]) -> None:
    net, xs = net_of(nn.Sequential, False), torch.rand(7, 2, 3).double()
    observation = Seen(net)
    with observation.watching():
        out = run(net, xs)
    assert [path for path in observation.begun if path] == ["0", "1", "2", "3", "4", "5", "6"] * 7
    close(torch.cat(observation.outputs["6"]), out.detach())


def test_a_layer_with_a_state_is_seen_in_each_step_if_it_is_hooked() -> None:
    net = nn.Sequential(snn.DelayedLinear(3, 4, max_delay=2), snn.Leaky(beta=0.9, init_hidden=True)).double()
    for hooked, calls in (([net[0]], 7), ([], 1)):
        observation = Seen(net, hooked)
        with observation.watching():
            out = snn.unroll(net, torch.rand(7, 2, 3).double())
        assert observation.begun == ["0", "1"] * calls
        close(torch.cat(observation.outputs["1"]).reshape(out.shape), out.detach())


def test_calls_that_the_backward_pass_repeats_are_left_out() -> None:
    net, xs = net_of(nn.Sequential, False), torch.rand(7, 2, 3).double()
    observation = Seen(net)
    with observation.watching():
        snn.unroll(net, xs, chunk=3).sum().backward()
    assert [observation.begun.count(path) for path in ("", "0", "2")] == [7, 7, 7]


def test_nothing_stays_and_another_net_is_not_seen() -> None:
    net, other = net_of(nn.Sequential, False), net_of(nn.Sequential, False)
    hooks = [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in net.modules()]
    observation = Seen(net)
    with observation.watching():
        other(torch.rand(2, 3).double())
        with pytest.raises(RuntimeError):
            net(torch.rand(2, 9).double())
    begun = len(observation.begun)
    net(torch.rand(2, 3).double())
    assert len(observation.begun) == begun == 2  # the net, and the layer that failed
    assert hooks == [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in net.modules()]
