"""snn_functional beside the peer's functional: values, gradients, signatures."""

from __future__ import annotations

import inspect

import pytest
import torch
from snntorch import functional as peer

import snn_functional as ours

MEMBRANE_LOSSES = ["ce_max_membrane_loss", "mse_membrane_loss"]
TEMPORAL_LOSSES = ["mse_temporal_loss", "ce_temporal_loss"]
LOSSES = ["ce_rate_loss", "ce_count_loss", "mse_count_loss"]
NAMES = [*LOSSES, *MEMBRANE_LOSSES, *TEMPORAL_LOSSES, "accuracy_rate", "accuracy_temporal", "l1_rate_sparsity"]
TARGETS = torch.tensor([3, 0, 5, 3, 1])


def spikes(*shape):
    return (torch.rand(shape) < 0.4).float()


def value_and_gradient(loss_fn, spk, targets):
    spk = spk.clone().requires_grad_()
    value = loss_fn(spk, targets)
    # Different factors for the losses of different samples, so that a "none" has a gradient of its own.
    weights = torch.linspace(1, 2, value.numel()).reshape(value.shape)
    (gradient,) = torch.autograd.grad((value * weights).sum(), spk)
    return value.detach(), gradient


def assert_same(result, expected):
    for a, b in zip(result, expected, strict=True):
        torch.testing.assert_close(a, b.reshape(a.shape), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_signature_is_the_peers_and_more_only_by_keyword(name):
    parameters = inspect.signature(getattr(ours, name)).parameters.values()
    peer_parameters = inspect.signature(getattr(peer, name)).parameters.values()
    shared = [p for p in parameters if p.kind is not p.KEYWORD_ONLY]
    assert [(p.name, p.default) for p in shared] == [(p.name, p.default) for p in peer_parameters]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_lives_in_the_module_that_it_has_in_the_peer(name):
    (module,) = [m for m in ("acc", "loss", "reg") if hasattr(getattr(ours, m), name)]
    assert hasattr(getattr(peer, module), name)
    assert getattr(ours, name) is getattr(getattr(ours, module), name)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("shape", [(7, 5, 6), (1, 5, 6), (12, 5, 9)])
def test_losses_and_gradients_are_the_peers(name, reduction, shape):
    spk = spikes(*shape)
    assert_same(
        value_and_gradient(getattr(ours, name)(reduction=reduction), spk, TARGETS),
        value_and_gradient(getattr(peer, name)(reduction=reduction), spk, TARGETS),
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", MEMBRANE_LOSSES)
@pytest.mark.parametrize("shape", [(7, 5, 6), (1, 5, 6), (12, 5, 9)])
def test_losses_of_membranes_are_the_peers(name, reduction, shape):
    mem = torch.randn(shape)
    assert_same(
        value_and_gradient(getattr(ours, name)(reduction=reduction), mem, TARGETS),
        value_and_gradient(getattr(peer, name)(reduction=reduction), mem, TARGETS),
    )


@pytest.mark.parametrize("targets", [(1.5, 0.25), (2, 0)])
def test_wanted_membranes_are_the_peers(targets):
    mem = torch.randn(7, 5, 6)
    assert_same(
        value_and_gradient(ours.mse_membrane_loss(False, *targets), mem, TARGETS),
        value_and_gradient(peer.mse_membrane_loss(False, *targets), mem, TARGETS),
    )


# The peer takes the default -1 of off_target for 0; the last step, which it stands for, can be given.
@pytest.mark.parametrize("options", [{}, {"on_target": 2}, {"tolerance": 2}, {"on_target": 3, "tolerance": 1}])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("steps", [1, 7, 12])
def test_losses_of_spike_times_are_the_peers(options, reduction, steps):
    spk = spikes(steps, 5, 6) * (torch.rand(5, 6) < 0.8)  # some neurons are silent
    options = {"off_target": steps - 1, "reduction": reduction, **options}
    options["on_target"] = min(options.get("on_target", 0), steps - 1)
    assert_same(
        value_and_gradient(ours.mse_temporal_loss(**options), spk, TARGETS),
        value_and_gradient(peer.mse_temporal_loss(**options), spk, TARGETS),
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses_of_given_spike_times_are_the_peers(reduction):
    spk, times = spikes(9, 5, 6), torch.randint(-9, 9, (5, 6))
    assert_same(
        value_and_gradient(ours.mse_temporal_loss(True, reduction=reduction), spk, times),
        value_and_gradient(peer.mse_temporal_loss(True, reduction=reduction), spk, times.clone()),
    )


def test_the_first_spikes_of_a_single_neuron_are_the_peers():
    # The peer erases a spike for all neurons, so that one neuron is where it is right.
    spk = torch.tensor([0.0, 1, 0, 1, 1, 0, 1]).reshape(7, 1, 1)
    times = torch.tensor([0.0, 3, 6, 5]).reshape(4, 1, 1)
    options = {"target_is_time": True, "multi_spike": True}
    assert_same(
        value_and_gradient(ours.mse_temporal_loss(**options), spk, times),
        value_and_gradient(peer.mse_temporal_loss(**options), spk, times.clone()),
    )


@pytest.mark.parametrize("inverse", ["negate", "reciprocal"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropies_of_spike_times_are_the_peers(inverse, reduction):
    spk = spikes(9, 5, 6) * (torch.rand(5, 6) < 0.8)
    assert_same(
        value_and_gradient(ours.ce_temporal_loss(inverse, reduction), spk, TARGETS),
        value_and_gradient(peer.ce_temporal_loss(inverse, reduction), spk, TARGETS),
    )


def test_the_accuracy_of_spike_times_is_the_peers_where_every_sample_answers():
    for _ in range(20):
        spk = spikes(9, 5, 6)
        spk[0, :, 0] = 1
        assert ours.accuracy_temporal(spk, TARGETS) == pytest.approx(float(peer.accuracy_temporal(spk, TARGETS)))


@pytest.mark.parametrize("name", ["ce_count_loss", "mse_count_loss"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses_of_a_population_are_the_peers(name, reduction):
    spk = spikes(7, 5, 18)
    options = {"population_code": True, "num_classes": 6, "reduction": reduction}
    assert_same(
        value_and_gradient(getattr(ours, name)(**options), spk, TARGETS),
        value_and_gradient(getattr(peer, name)(**options), spk, TARGETS),
    )


@pytest.mark.parametrize("rates", [(1, 0), (0.8, 0.2), (0.75, 0.3), (0.29, 0)])
@pytest.mark.parametrize("population", [{}, {"population_code": True, "num_classes": 6}])
@pytest.mark.parametrize("num_steps", [7, 100])
def test_wanted_counts_are_the_peers(rates, population, num_steps):
    spk = spikes(num_steps, 5, 12)
    assert_same(
        value_and_gradient(ours.mse_count_loss(*rates, **population), spk, TARGETS),
        value_and_gradient(peer.mse_count_loss(*rates, **population), spk, TARGETS),
    )


WEIGHT = torch.tensor([0.35, 2.0, 0.5, 3.0, 0.0, 1.5])
WEIGHTED = {
    "ce_rate_loss": {},
    "ce_count_loss": {},
    "ce_count_loss of a population": {"population_code": True, "num_classes": 6},
    "ce_max_membrane_loss": {},
    "ce_temporal_loss": {},
    "ce_temporal_loss, reciprocal": {"inverse": "reciprocal"},
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("batch", [1, 5, 8])
@pytest.mark.parametrize("name", WEIGHTED)
def test_class_weights_of_cross_entropies_are_the_peers(name, batch, reduction):
    generator = torch.Generator().manual_seed(batch)
    loss, options = name.split(",")[0].split(" ")[0], {**WEIGHTED[name], "reduction": reduction, "weight": WEIGHT}
    shape, targets = (7, batch, 12 if "population" in name else 6), torch.randint(0, 4, (batch,), generator=generator)
    spk = torch.randn(shape) if "membrane" in name else spikes(*shape)

    def peer_loss(spk, targets):
        # with weights the peer's sum leaves out the sum, but for that of spike times
        value = getattr(peer, loss)(**options)(spk, targets)
        return value.sum() if reduction == "sum" else value

    assert_same(
        value_and_gradient(getattr(ours, loss)(**options), spk, targets), value_and_gradient(peer_loss, spk, targets)
    )


def test_a_training_with_class_weights_takes_the_peers_steps():
    spk, weight = spikes(7, 8, 3), torch.tensor([0.35, 0.5, 0.15])
    targets = torch.tensor([0, 2, 1, 2, 2, 0, 1, 2])
    outcomes = []
    for package in (ours, peer):
        scale = torch.ones(3, requires_grad=True)
        optimizer = torch.optim.SGD([scale], lr=1.0)
        for _ in range(20):
            optimizer.zero_grad()
            package.ce_rate_loss(weight=weight)(spk * scale, targets).backward()
            optimizer.step()
        outcomes.append(scale.detach())
    torch.testing.assert_close(*outcomes, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("population", [{}, {"population_code": True, "num_classes": 6}])
def test_accuracy_is_the_peers_where_no_sample_is_silent(population):
    for _ in range(20):
        spk = spikes(7, 5, 12)
        assert ours.accuracy_rate(spk, TARGETS, **population) == pytest.approx(
            float(peer.accuracy_rate(spk, TARGETS, **population))
        )


@pytest.mark.parametrize("Lambda", [1e-5, 0.5])
def test_the_sparsity_penalty_is_the_peers(Lambda):
    spk = spikes(7, 5, 6)
    assert_same(
        value_and_gradient(lambda s, _: ours.l1_rate_sparsity(Lambda)(s), spk, None),
        value_and_gradient(lambda s, _: peer.l1_rate_sparsity(Lambda)(s), spk, None),
    )
