"""Quantized states beside the peer's: levels, values, gradients, and where the peer is wrong."""

from __future__ import annotations

import inspect
from itertools import product
from typing import Any

import pytest
import snntorch as peer
import torch
from snntorch.functional import quant as peer_quant
from torch import Tensor

import snn_core as ours
from snn_functional import quant as own_quant

OPTIONS = [
    {"num_bits": bits, "uniform": uniform, "thr_centered": centered, **limits}
    for bits, uniform, centered, limits in product(
        range(1, 9),
        (True, False),
        (True, False),
        (
            {},
            {"threshold": 0.7, "lower_limit": 0.3},
            {"threshold": 5.0, "upper_limit": 1.0},
            {"lower_limit": 0.5, "upper_limit": 0.0},
        ),
    )
] + [{"num_bits": 5, "uniform": False, "multiplier": 0.6}, {"num_bits": 5, "uniform": False, "multiplier": 1.0}]


def their_levels(options: dict[str, Any]) -> Tensor:
    """All levels of the peer, in its order, as its quantizer keeps them."""
    quantize = peer_quant.state_quant(**options)
    return inspect.getclosurevars(quantize).nonlocals["levels"]


def test_the_signature_is_the_peers() -> None:
    parameters = [inspect.signature(package.state_quant).parameters.values() for package in (own_quant, peer_quant)]
    left, right = ([(p.name, p.default) for p in ps] for ps in parameters)
    assert left == right


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_levels_are_the_peers_but_for_the_one_that_is_moved_to_zero(options: dict[str, Any]) -> None:
    left, right = own_quant.state_quant(**options).levels, their_levels(options)
    zero = int((left == 0).nonzero()[0])
    # the level nearest to 0; two that rounding alone tells apart are a tie
    assert right[zero].abs() <= right.abs().min() * (1 + 1e-5)
    is_used = torch.arange(len(left)) != zero
    torch.testing.assert_close(left[is_used], right[is_used], rtol=1e-6, atol=2e-7 * float(right.abs().max()))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_values_and_gradients_are_the_peers_away_from_zero_and_from_borders(options: dict[str, Any]) -> None:
    quantize, levels = own_quant.state_quant(**options), their_levels(options)
    generator = torch.Generator().manual_seed(0)
    numbers = 1.5 * options.get("threshold", 1) * torch.randn(999, generator=generator)
    distances = (numbers.unsqueeze(-1) - levels).abs()
    order = distances.sort(-1)
    zero = int((quantize.levels == 0).nonzero()[0])
    clear = order.values[:, 1] - order.values[:, 0] > 1e-4 * levels.abs().max()
    touched = (order.indices[:, :2] == zero).any(-1)
    x = numbers[clear & ~touched]
    outcomes = []
    for package in (quantize, peer_quant.state_quant(**options)):
        state = x.clone().requires_grad_()
        out = package(state)
        (grad,) = torch.autograd.grad((out * x).sum(), state)
        outcomes.append((out.detach(), grad))
    torch.testing.assert_close(*outcomes, rtol=1e-6, atol=2e-7 * float(levels.abs().max()))


@pytest.mark.parametrize("levels", [[-1.0, 0.25, 2.0], [2.0, -1.0, 0.25], [0.5], [0, 1]], ids=str)
def test_custom_levels_are_treated_as_by_the_peer(levels: list[float]) -> None:
    numbers = torch.randn(5, 3, 7, generator=torch.Generator().manual_seed(0)).transpose(0, 1)
    outcomes = []
    for package in (own_quant, peer_quant):
        x = numbers.clone().requires_grad_()
        out = package.StateQuant.apply(x, torch.tensor(levels).float())
        (grad,) = torch.autograd.grad((out * numbers.cos()).sum(), x)
        outcomes.append((out.detach(), grad))
    torch.testing.assert_close(*outcomes, rtol=0, atol=0)


def test_a_leaky_net_with_a_quantized_state_gives_the_peers_spikes() -> None:
    # 4 bits between -2 and 2 - 2/8: both have a level at 0, so that none is moved
    options = {"num_bits": 4, "lower_limit": 1.0, "upper_limit": 0.75}
    xs = torch.rand(25, 3, 5, generator=torch.Generator().manual_seed(0))
    outcomes = []
    for package, quantize in ((ours, own_quant.state_quant(**options)), (peer, peer_quant.state_quant(**options))):
        lif = package.Leaky(beta=0.8, state_quant=quantize)
        mem = torch.zeros(3, 5)
        steps = []
        for x in xs:
            spk, mem = lif(x, mem)
            steps.append(torch.stack([spk, mem]))
        outcomes.append(torch.stack(steps))
    assert outcomes[0][:, 0].mean() > 0.1
    torch.testing.assert_close(*outcomes, rtol=0, atol=1e-6)


def test_a_neuron_at_rest_stays_at_rest_and_the_peers_does_not() -> None:
    rest = torch.zeros(3)
    assert own_quant.state_quant(num_bits=2)(rest).tolist() == [0, 0, 0]
    assert peer_quant.state_quant(num_bits=2)(rest)[0].item() == pytest.approx(-0.2667, abs=1e-4)


def test_a_wider_state_keeps_its_dtype_and_the_peers_does_not() -> None:
    x = torch.linspace(-1, 1, 7, dtype=torch.float64)
    assert own_quant.state_quant()(x).dtype == torch.float64
    assert peer_quant.state_quant()(x).dtype == torch.float32


def test_a_nan_state_stays_nan_and_the_peers_becomes_a_level() -> None:
    x = torch.tensor([float("nan")])
    assert own_quant.state_quant()(x).isnan().all()
    assert peer_quant.state_quant()(x).isfinite().all()
