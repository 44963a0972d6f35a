"""LeakyParallel against the recurrent network of torch that it is."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

import snn_core as snn

from .zoo import close


def twin(neuron: snn.LeakyParallel) -> nn.RNN:
    rnn = nn.RNN(neuron.rnn.input_size, neuron.rnn.hidden_size, nonlinearity="relu").double()
    rnn.load_state_dict(neuron.rnn.state_dict())
    return rnn


@pytest.mark.parametrize("beta", [0.5, torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])], ids=["scalar", "vector"])
def test_it_is_an_rnn_of_rectified_units_with_beta_on_the_diagonal(beta) -> None:
    neuron = snn.LeakyParallel(3, 5, beta=beta, threshold=0.3).double()
    xs = torch.randn(7, 4, 3, dtype=torch.float64)
    weight = torch.eye(5, dtype=torch.float64) * beta
    close(neuron.rnn.weight_hh_l0.detach(), weight)
    mem, _ = twin(neuron)(xs)
    spk = neuron(xs)
    assert 0 < spk.mean() < 1
    assert torch.equal(spk, (mem > 0.3).double())


def test_one_unit_follows_its_equation() -> None:
    # U' = max(0, w x + b + beta U) with w = 2, b = -0.5, beta = 0.5: 1.5, 0.25, 0 (clipped from -2.375), 0.5
    neuron = snn.LeakyParallel(1, 1, beta=0.5, threshold=0.2)
    with torch.no_grad():
        neuron.rnn.weight_ih_l0.fill_(2.0)
        neuron.rnn.bias_ih_l0.fill_(-0.5)
        neuron.rnn.bias_hh_l0.zero_()
    spk = neuron(torch.tensor([1.0, 0.0, -1.0, 0.5]).view(4, 1, 1))
    assert spk.flatten().tolist() == [1, 1, 0, 1]


def test_the_diagonal_stays_frozen_unless_it_learns() -> None:
    xs = torch.randn(7, 4, 3)
    frozen = snn.LeakyParallel(3, 5, beta=0.5)
    frozen(xs).sum().backward()
    assert not frozen.rnn.weight_hh_l0.requires_grad
    learning = snn.LeakyParallel(3, 5, beta=0.5, learn_beta=True)
    learning(xs).sum().backward()
    grad = learning.rnn.weight_hh_l0.grad
    assert grad.diagonal().abs().sum() > 0
    assert (grad - grad.diagonal().diag()).abs().sum() == 0


def test_without_beta_the_diagonal_is_random_and_with_dense_weights_allowed_the_rest_too() -> None:
    diagonal = snn.LeakyParallel(3, 5).rnn.weight_hh_l0
    assert (diagonal != 0).sum() == 5
    dense = snn.LeakyParallel(3, 5, weight_hh_enable=True).rnn.weight_hh_l0
    assert (dense != 0).sum() == 25


def test_gradients_equal_those_of_the_rnn() -> None:
    surrogate = snn.surrogate.straight_through_estimator()
    neuron = snn.LeakyParallel(3, 5, beta=0.5, spike_grad=surrogate, graded_spikes_factor=2.0).double()
    xs, ys = (torch.randn(7, 4, 3, dtype=torch.float64).requires_grad_() for _ in range(2))
    with torch.no_grad():
        ys.copy_(xs)
    neuron(xs).sum().backward()
    (2 * twin(neuron)(ys)[0]).sum().backward()
    close(xs.grad, ys.grad)


@pytest.mark.parametrize("name", ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0"])
def test_its_weights_may_be_parametrized(name: str) -> None:
    neuron, xs = snn.LeakyParallel(3, 5, beta=0.5), torch.randn(7, 4, 3)
    expected = neuron(xs)
    parametrize.register_parametrization(neuron.rnn, name, nn.Identity())
    assert torch.equal(neuron(xs), expected)


def test_dropout_of_one_layer_is_refused_rather_than_ignored() -> None:
    with pytest.raises(ValueError, match=r"LeakyParallel.*dropout"):
        snn.LeakyParallel(3, 5, dropout=0.5)


def test_a_vector_beta_of_the_wrong_length_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"LeakyParallel.*beta.*5"):
        snn.LeakyParallel(3, 5, beta=torch.ones(4))


def test_a_learnable_threshold_gets_a_gradient() -> None:
    neuron = snn.LeakyParallel(3, 5, beta=0.5, learn_threshold=True, learn_graded_spikes_factor=True)
    neuron(torch.randn(7, 4, 3)).sum().backward()
    assert neuron.threshold.grad < 0
    assert neuron.graded_spikes_factor.grad >= 0
