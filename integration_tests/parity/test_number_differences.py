"""Surrogates, dtypes and constants: where the peer is wrong or raises, and the number that is right."""

from __future__ import annotations

import math
from typing import Any

import pytest
import snntorch as peer
import snntorch.surrogate
import torch
from torch import Tensor, nn

import snn_core as ours


def gradient(surrogate: Any, values: list[float]) -> list[float]:
    x = torch.tensor(values, requires_grad=True)
    surrogate(x).sum().backward()
    return x.grad.tolist()


def test_the_sigmoid_is_finite_far_below_the_threshold() -> None:
    # 25 * exp(-100) is 0 in float32; the peer divides inf by inf
    assert gradient(ours.surrogate.sigmoid(), [-4.0, 0.0, 4.0]) == pytest.approx([0, 6.25, 0], abs=1e-6)
    left, *_ = gradient(peer.surrogate.sigmoid(), [-4.0])
    assert math.isnan(left)


def test_the_triangular_surrogate_is_a_triangle() -> None:
    # max(0, 1 - |x| / 2) / 2 at -1, 0, 1, 3 is 1/4, 1/2, 1/4, 0; the peer gives +threshold below 0, else -threshold
    values = [-1.0, 0.0, 1.0, 3.0]
    assert gradient(ours.surrogate.triangular(threshold=2), values) == pytest.approx([0.25, 0.5, 0.25, 0])
    assert gradient(peer.surrogate.triangular(threshold=2), values) == [2, -2, -2, -2]


def test_the_leaky_spike_operator_runs() -> None:
    assert gradient(ours.surrogate.LSO(slope=0.25), [-1.0, 1.0]) == [0.25, 1]
    with pytest.raises(TypeError):
        gradient(peer.surrogate.LSO(slope=0.25), [-1.0, 1.0])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_spikes_and_states_keep_the_dtype_of_the_input(dtype: torch.dtype) -> None:
    x = torch.full((3, 5), 1.5, dtype=dtype)
    for name, arguments in (("Leaky", (0.5,)), ("Synaptic", (0.5, 0.5)), ("Alpha", (0.75, 0.5)), ("Lapicque", (0.5,))):
        assert {out.dtype for out in getattr(ours, name)(*arguments)(x)} == {dtype}
        assert getattr(peer, name)(*arguments)(x)[0].dtype == torch.float32
    assert ours.surrogate.atan()(x).dtype == dtype
    assert peer.surrogate.atan()(x).dtype == torch.float32


def test_a_net_in_double_precision_runs_through() -> None:
    x = torch.ones(3, 7, dtype=torch.float64)
    for package in (ours, peer):
        net = nn.Sequential(nn.Linear(7, 5), package.Leaky(0.5, init_hidden=True), nn.Linear(5, 3)).double()
        if package is ours:
            assert net(x).dtype == torch.float64


RAISES = {
    "a learnable alpha of Alpha": ("Alpha", {"alpha": 0.9, "beta": 0.5, "learn_alpha": True}, TypeError),
    "one beta per neuron of Lapicque": ("Lapicque", {"beta": torch.tensor([0.5, 0.75])}, RuntimeError),
    "a learnable beta of Lapicque with R": ("Lapicque", {"beta": 0.5, "R": 2.0, "learn_beta": True}, KeyError),
    "a learnable beta of Lapicque with C": ("Lapicque", {"beta": 0.5, "C": 2.0, "learn_beta": True}, KeyError),
    "a learnable beta given as int": ("Leaky", {"beta": 1, "learn_beta": True}, RuntimeError),
    "a learnable threshold given as int": (
        "Leaky",
        {"beta": 0.5, "threshold": 1, "learn_threshold": True},
        RuntimeError,
    ),
}


@pytest.mark.parametrize("what", RAISES)
def test_constants_that_the_peer_refuses_work_and_learn(what: str) -> None:
    name, arguments, error = RAISES[what]
    with pytest.raises(error):
        getattr(peer, name)(**arguments)
    neuron = getattr(ours, name)(**arguments)
    states: list[Tensor] = []
    total = torch.zeros(())
    for _ in range(3):
        spk, *states = neuron(torch.full((3, 2), 0.7), *states)
        total = total + spk.sum() + states[-1].sum()
    learned = dict(neuron.named_parameters())
    assert len(learned) == sum(key.startswith("learn_") for key in arguments)
    if learned:
        (grad,) = torch.autograd.grad(total, list(learned.values()))
        assert bool(grad.isfinite().all())
        assert float(grad.abs()) > 0


def test_a_learnable_beta_of_lapicque_learns_for_more_than_one_step() -> None:
    for package in (ours, peer):
        neuron = package.Lapicque(0.5, learn_beta=True)
        neuron(torch.ones(3, 5), torch.ones(3, 5))[1].sum().backward()
        if package is peer:  # its C is worked out once, in a graph that the first backward pass frees
            with pytest.raises(RuntimeError, match="second time"):
                neuron(torch.ones(3, 5), torch.ones(3, 5))[1].sum().backward()
        else:
            neuron(torch.ones(3, 5), torch.ones(3, 5))[1].sum().backward()


def test_the_decay_of_lapicque_follows_a_vector_of_betas() -> None:
    # R = 1, C = 1 / ln(1 / beta): U' = x / C + (1 - 1 / C) U; beta = exp(-1/2) and exp(-1/4) give 1/C = 1/2 and 1/4
    beta = torch.tensor([math.exp(-0.5), math.exp(-0.25)])
    _, mem = ours.Lapicque(beta)(torch.tensor([[0.4, 0.4]]), torch.tensor([[0.8, 0.8]]))
    # 0.2 + 0.4 = 0.6 and 0.1 + 0.6 = 0.7
    assert mem[0].tolist() == pytest.approx([0.6, 0.7])


def test_graded_spikes_weigh_features_and_not_samples() -> None:
    weights = torch.tensor([[2.0], [3.0], [5.0]])
    spk = torch.ones(3, 3)
    for package, expected in ((ours, [[2, 3, 5]] * 3), (peer, [[2] * 3, [3] * 3, [5] * 3])):
        layer = package.GradedSpikes(3, 1.0)
        with torch.no_grad():
            layer.weights.copy_(weights)
        assert layer(spk).tolist() == expected
    with pytest.raises(RuntimeError):
        peer.GradedSpikes(5, 1.0)(torch.ones(3, 5))
    assert ours.GradedSpikes(5, 1.0)(torch.ones(3, 5)).shape == (3, 5)


@pytest.mark.parametrize("name", ["BatchNormTT1d", "BatchNormTT2d"])
def test_a_norm_through_time_is_a_layer_that_counts_its_steps(name: str) -> None:
    shape = (4, 3) if name == "BatchNormTT1d" else (4, 3, 2, 2)
    xs = torch.linspace(-1, 1, 2 * math.prod(shape)).view(2, *shape)
    with pytest.raises(NotImplementedError):
        nn.Sequential(getattr(peer, name)(3, 2))(xs[0])
    norm = getattr(ours, name)(3, 2).eval()
    with torch.no_grad():
        norm[1].weight.fill_(3.0)
    out = ours.unroll(nn.Sequential(norm, ours.Leaky(0.5, init_hidden=True, output=True)), xs)[1]
    # running mean 0 and variance 1: U1 = x1, U2 = U1 / 2 + 3 x2, where nothing fires before the last step
    assert float(xs[0].max()) < 1
    torch.testing.assert_close(out[1], xs[0] / 2 + 3 * xs[1], rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="time_steps"):
        ours.unroll(nn.Sequential(norm, ours.Leaky(0.5, init_hidden=True)), torch.cat([xs, xs]))


def test_a_decay_at_the_ends_of_its_range_learns_with_every_pytorch() -> None:
    # U = beta m + x, so that its derivative is m; the peer's is m times that of torch.clamp at its bounds
    ends, m = torch.tensor([0.0, 1.0]), torch.tensor([[0.3, -0.7]])
    bounds = ends.clone().requires_grad_()
    (of_clamp,) = torch.autograd.grad(bounds.clamp(0, 1).sum(), bounds)  # 1 up to 2.13, 0 in 2.15
    result = {}
    for package in (ours, peer):
        neuron = package.Leaky(beta=ends, learn_beta=True, reset_mechanism="none")
        _, mem = neuron(torch.tensor([[0.1, 0.2]]), m)
        torch.testing.assert_close(mem.detach(), torch.tensor([[0.1, -0.5]]))
        (result[package],) = torch.autograd.grad(mem.sum(), neuron.beta)
    torch.testing.assert_close(result[ours], m[0])
    torch.testing.assert_close(result[peer], m[0] * of_clamp)
