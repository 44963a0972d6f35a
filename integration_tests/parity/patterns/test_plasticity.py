"""Plasticity: a learner that watches a layer and its neurons, and changes the weights by the times of spikes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from .both import same, some_fire

STEPS, BATCH = 7, 3


@pytest.mark.parametrize("on_grad", [True, False])
def test_a_dense_layer_learns_by_the_times_of_spikes(on_grad: bool) -> None:
    def program(snn: Any) -> dict[str, Any]:
        layer, neuron = nn.Linear(6, 4, bias=False), snn.Leaky(beta=0.8, init_hidden=True, threshold=0.5)
        with torch.no_grad():
            layer.weight.abs_()
        learner = snn.functional.stdp_learner.STDPLearner(
            synapse=layer, sn=neuron, tau_pre=2.0, tau_post=3.0, f_pre=lambda w: 0.1 * w, f_post=lambda w: 0.5 - 0.1 * w
        )
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.01)
        changes, spikes = [], []
        with torch.no_grad():
            for _ in range(2):
                snn.utils.reset(nn.Sequential(layer, neuron))
                spikes += [neuron(layer(x)) for x in (torch.rand(STEPS, BATCH, 6) < 0.5).float()]
                if on_grad:
                    optimizer.zero_grad()
                    learner.step(on_grad=True)
                    optimizer.step()
                else:
                    change = learner.step(on_grad=False, scale=0.5)
                    changes.append(change.clone())
                    layer.weight.add_(0.01 * change)
                layer.weight.clamp_(0, 1)
        return {"spk": some_fire(torch.stack(spikes)), "changes": changes, "weight": layer.weight}

    same(program)


def test_a_convolution_learns_single_steps_by_hand() -> None:
    def program(snn: Any) -> dict[str, Any]:
        conv, neuron = nn.Conv2d(1, 2, 3, bias=False), snn.Leaky(beta=0.5, threshold=1.0)
        with torch.no_grad():
            conv.weight.abs_()
            pre = post = None
            mem, changes = neuron.reset_mem(), []
            for x in (torch.rand(STEPS, BATCH, 1, 6, 6) < 0.4).float():
                spk, mem = neuron(conv(x), mem)
                pre, post, change = snn.functional.stdp_learner.stdp_conv2d_single_step(
                    conv, x, spk, pre, post, 2.0, 2.0, lambda w: torch.clamp(w, -1, 1), lambda w: torch.clamp(w, -1, 1)
                )
                changes.append(change)
        return {"spk": some_fire(spk), "changes": changes, "traces": [pre, post]}

    same(program)
