"""One program with the names of either library: the same spikes, and numbers that agree to the last bits."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import snntorch as peer
import snntorch.functional.probe
import snntorch.functional.quant
import snntorch.functional.stdp_learner
import snntorch.spikegen
import snntorch.surrogate
import snntorch.utils
import torch
from torch import Tensor, nn

import snn

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the peer's module announces its end whenever it is imported
    import snntorch.backprop

Numbers = Mapping[str, Any]
Program = Callable[[Any], Numbers]


def run(program: Program) -> tuple[Numbers, Numbers]:
    """Return what a program gives with our names and with the peer's, from the same seeds."""
    numbers = []
    for package in (snn, peer):
        peer.SpikingNeuron.instances.clear()
        torch.manual_seed(0)
        np.random.seed(0)
        random.seed(0)
        numbers.append(program(package))
    result, expected = numbers
    return result, expected


def same(program: Program, *, apart: Iterable[str] = ()) -> None:
    """Check that a program gives the same with either library: what is named ``spk...`` exactly, the rest closely.

    Close is within 1e-5 of the largest magnitude of the value, or of 1. What is named in ``apart`` is left out.
    """
    result, expected = run(program)
    assert result.keys() == expected.keys()
    for name in result.keys() - {*apart}:
        equal(name, result[name], expected[name])


def equal(name: str, result: Any, expected: Any) -> None:
    """Check one value of a program as ``same`` does."""
    if isinstance(expected, list | tuple):
        assert len(result) == len(expected), name
        for index, (left, right) in enumerate(zip(result, expected, strict=True)):
            equal(f"{name}[{index}]", left, right)
    elif isinstance(expected, str | bool | None):
        assert result == expected, name
    else:
        left, right = (torch.as_tensor(value).detach().double() for value in (result, expected))
        assert left.shape == right.shape, f"{name}: {tuple(left.shape)} and {tuple(right.shape)}"
        scale = 0 if name.startswith("spk") else 1e-5 * max(1.0, float(right.abs().max()) if right.numel() else 1.0)
        torch.testing.assert_close(left, right, rtol=0, atol=scale, msg=lambda text: f"{name}: {text}")


def some_fire(spk: Tensor) -> Tensor:
    """Spikes, when there are some and not everywhere."""
    assert 0 < float((spk != 0).float().mean()) < 1
    return spk


def louder(net: nn.Module, factor: float = 3.0) -> nn.Module:
    """The net with larger weights, so that every layer fires."""
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
                layer.weight.mul_(factor)
    return net


def learn(net: nn.Module, loss_of: Callable[[], Tensor], steps: int = 3, lr: float = 5e-3) -> Numbers:
    """Losses of a few updates by Adam, the gradients of the first and the weights after the last."""
    optimizer = torch.optim.Adam(net.parameters(), lr=lr, betas=(0.9, 0.999))
    numbers: dict[str, Any] = {"losses": []}
    for step in range(steps):
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            numbers |= {f"gradient of {key}": p.grad.clone() for key, p in weights(net) if p.grad is not None}
        optimizer.step()
        numbers["losses"].append(loss.item())
    assert any(value.abs().max() > 0 for key, value in numbers.items() if key != "losses")
    return numbers | {f"{key} in the end": p.detach().clone() for key, p in weights(net)}


def weights(net: nn.Module) -> list[tuple[str, Tensor]]:
    """Parameters by the names that both libraries have: the peer's ``V`` of a neuron is also in ``recurrent``."""
    return [(key.replace("recurrent.V", "V"), p) for key, p in net.named_parameters()]
