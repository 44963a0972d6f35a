"""NaN and infinite values come out where they come out of the steps: a kernel hides no broken training."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from snn_core.surrogate import Surrogate

from .specification import KINDS, SURROGATES, backward, case, random_gradients, same_bits


def spoiled(tensors: list[Tensor]) -> list[Tensor]:
    """Copies with a few NaN, infinite and negative infinite values each."""
    generator = torch.Generator().manual_seed(3)
    out = [t.detach().clone() for t in tensors]
    for tensor in out:
        flat = tensor.view(-1)
        places = torch.randperm(flat.numel(), generator=generator)[: max(3, flat.numel() // 40)]
        for number, value in enumerate((math.nan, math.inf, -math.inf)):
            flat[places[number::3]] = value
    return out


@pytest.mark.parametrize("where", ["input", "states", "gradients"])
@pytest.mark.parametrize("spike_grad", SURROGATES, ids=repr)
@pytest.mark.parametrize(("family", "reset", "delay"), KINDS)
def test_they_are_where_the_steps_have_them(
    family: str, reset: str, delay: bool, spike_grad: Surrogate, where: str
) -> None:
    options = {"shape": (1, 50), "constants": lambda name: (50,), "dtype": torch.float32, "trace": where != "states"}
    sample = case(family, reset, delay, spike_grad, **options)
    x, states = sample.x, list(sample.states)
    if where == "input":
        (x,) = spoiled([x])
    if where == "states":
        states = spoiled(states)
    sample = sample.with_tensors([x, *states, *sample.constants])
    leaves, leaves_k = sample.fresh(), sample.fresh()
    out, out_k = leaves.by_steps(), leaves_k.by_kernel()
    for o, o_k in zip(out, out_k, strict=True):
        same_bits(o_k, o)
    gradients = random_gradients(out)
    gradients = spoiled(gradients) if where == "gradients" else gradients
    expected, result = backward(leaves, out, gradients), backward(leaves_k, out_k, gradients)
    assert any(not w.isfinite().all() for w in expected)
    for w, g in zip(expected, result, strict=True):
        assert torch.equal(g.isnan(), w.isnan())
        assert torch.equal(g.isposinf(), w.isposinf())
        assert torch.equal(g.isneginf(), w.isneginf())
