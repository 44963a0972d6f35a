"""Tests of the recorder of a step: what it says of each call, and that it decides nothing."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_core import SpikingNeuron
from snn_core.graph import Node, Record, Recorder

from .test_unroll import lif


class Noted(Recorder):
    """A recorder that keeps all nodes."""

    def __init__(self, net: nn.Module, **options: Any) -> None:
        super().__init__(net, **options)
        self.nodes: list[Node] = []

    def end(self, node: Node) -> None:
        self.nodes.append(node)


class Own(nn.Module):
    """A net whose step mixes samples, overwrites a value and reads one."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.spike = nn.Linear(3, 3), lif()

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.linear(input=x).flip(0)
        mixed.add_(1.0)
        with torch.no_grad():
            scale = 1.0 if mixed.sum().item() > 0 else 2.0
        out: Tensor = self.spike(mixed * scale)
        return out


def names(noted: Noted) -> list[str]:
    return [type(n.module).__name__ if n.module is not None else n.func.__name__ for n in noted.nodes]


def is_neuron(module: nn.Module | None) -> bool:
    return isinstance(module, SpikingNeuron)


def noted(is_whole: Any) -> Noted:
    torch.manual_seed(0)
    net, x = Own(), torch.rand(2, 3)
    step = Noted(net, is_whole=is_whole)
    with step.recording():
        net(x)
    return step


def test_every_function_is_a_node_and_none_is_refused() -> None:
    step = noted(is_neuron)
    without_gradients = ["_set_grad_enabled", "sum", "item", "_set_grad_enabled"]
    assert names(step) == ["linear", "flip", "add_", *without_gradients, "mul", "Leaky"]
    assert step.reason == ""


def test_a_whole_module_is_one_node_with_its_arguments_and_its_result() -> None:
    step = noted(is_whole=lambda module: isinstance(module, nn.Linear) or not list(module.children()))
    linear, last = step.nodes[0], step.nodes[-1]
    assert names(step)[:2] == ["Linear", "flip"]
    (x,) = linear.tensors
    assert linear.kwargs == {"input": x}
    assert isinstance(linear.module, nn.Linear)
    torch.testing.assert_close(linear.out, F.linear(x, linear.module.weight, linear.module.bias))
    assert is_neuron(last.module)
    assert last.out.shape == (2, 3)


def test_a_node_says_if_gradients_are_recorded() -> None:
    modes = {node.func.__name__: node.grad for node in noted(is_neuron).nodes}
    assert [name for name, grad in modes.items() if not grad] == ["_set_grad_enabled", "sum", "item"]


def test_no_hook_stays_on_a_module_after_the_step() -> None:
    net = Own()
    with Noted(net, is_whole=lambda module: True).recording():
        assert all(m._forward_hooks for m in net.modules())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


def test_another_thread_may_call_a_module_while_its_hooks_are_half_added() -> None:
    net, out = nn.Linear(3, 2), []
    with Noted(net, is_whole=lambda module: True).recording():
        added = dict(net._forward_pre_hooks_with_kwargs)
        net._forward_pre_hooks_with_kwargs.clear()  # torch sets it after the hook itself
        thread = threading.Thread(target=lambda: out.append(net(torch.ones(1, 3))))
        thread.start()
        thread.join()
        net._forward_pre_hooks_with_kwargs.update(added)
    assert out[0].equal(net(torch.ones(1, 3)))


class Effects(nn.Module):
    """A net that draws numbers, overwrites a value of its own and counts in a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.spike = lif()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.rand_like(x) + x
        y.mul_(2.0)
        self.count.add_(1.0)
        out: Tensor = self.spike(y)
        return out


class Kept(Record):
    """The record of ``unroll`` with all nodes that it has read."""

    def __init__(self, net: nn.Module, x: Tensor) -> None:
        super().__init__(net, x)
        self.nodes: list[Node] = []

    def end(self, node: Node) -> None:
        super().end(node)
        self.nodes.append(node)


@pytest.mark.parametrize(("name", "draws", "written", "has_twin"), [
    ("rand_like", True, 0, False),
    ("add", False, 0, False),
    ("mul_", False, 1, True),
    ("add_", False, 1, False),
])  # fmt: skip
def test_a_node_says_what_a_call_draws_and_overwrites(name: str, draws: bool, written: int, has_twin: bool) -> None:
    net = Effects()
    step = Kept(net, torch.rand(2, 3))
    with step.recording():
        net(step.values[0])
    node = next(node for node in step.nodes if node.func.__name__ == name)
    assert (node.draws, len(node.written), node.twin is not None) == (draws, written, has_twin)
    step.changes.undo()
    assert net.count == 0
