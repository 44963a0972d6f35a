"""Training steps on an accelerator without numbers, which ``test_device_contract.py`` runs in a process of its own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_leaves

import accelerator
import snn_core as snn
from accelerator import NAME, Accelerator, OnlyOn, backward_here, moved, of

from .layers_on_devices import NETS
from .zoo import NEURONS, VARIANTS, WHOLE, Case

accelerator.register()
each_way = pytest.mark.parametrize("how", [{}, {"chunk": 2}], ids=["layers", "chunks"])


def train(net: nn.Module, xs: torch.Tensor, options: dict[str, Any] | None) -> None:
    """Take a step of training on the accelerator, in which nothing is read and nothing made elsewhere."""
    with Accelerator(), backward_here():
        xs = of(xs).requires_grad_()
        optimizer = torch.optim.SGD([*moved(net).parameters(), xs], momentum=0.9)
        with OnlyOn(NAME):
            out = net(xs) if options is None else snn.unroll(net, xs, **options)
            sum(o.sum() for o in tree_leaves(out)).backward()
            optimizer.step()
        assert {o.device.type for o in tree_leaves(out)} == {NAME}


@each_way
@pytest.mark.parametrize("case", NEURONS, ids=str)
def test_a_neuron(case: Case, how: dict[str, Any]) -> None:
    train(nn.Sequential(case.make(init_hidden=True, output=True)), case.input(), how)


@pytest.mark.parametrize("case", [case for case in VARIANTS if case.name.startswith(("leaky,", "rsynaptic,"))], ids=str)
def test_an_option(case: Case) -> None:
    train(nn.Sequential(case.make(init_hidden=True)), case.input(), {})


@each_way
@pytest.mark.parametrize("name", NETS)
def test_a_net(name: str, how: dict[str, Any]) -> None:
    train(NETS[name](), torch.rand(7, 3, 5), how)


@pytest.mark.parametrize("make", WHOLE.values(), ids=WHOLE)
def test_a_layer_over_sequences(make: Any) -> None:
    train(make(), torch.rand(9, 3, 5), None)
