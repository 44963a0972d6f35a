"""Quantization-clip-floor-shift activations: levels and gradients in closed form, and nets that give the same."""

import copy

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_functional import QCFS, from_ann

from .converted import Own, dense, own, randomize


@pytest.mark.parametrize("x", [torch.arange(3), torch.ones(2, dtype=torch.bool), [0.5]], ids=["int64", "bool", "list"])
def test_only_floating_point_tensors_are_rounded(x: object) -> None:
    with pytest.raises(TypeError, match=r"^QCFS: x must be (a torch\.Tensor|floating-point numbers), got "):
        QCFS()(x)


def test_values_are_the_nearest_levels_and_gradients_those_of_the_paper():
    activation = QCFS(levels=4, threshold=2.0).double()
    x = torch.tensor([-3.0, -0.1, 0.24, 0.26, 0.74, 0.9, 1.8, 2.3, 9.0], dtype=torch.float64, requires_grad=True)
    out = activation(x)
    expected = torch.tensor([0, 0, 0, 0.5, 0.5, 1, 2, 2, 2], dtype=torch.float64)
    assert torch.equal(out, expected)
    upstream = torch.arange(1, 10, dtype=torch.float64)
    out.backward(upstream)
    assert torch.equal(x.grad, upstream * torch.tensor([0, 0, 1, 1, 1, 1, 1, 0, 0]))
    shares = torch.tensor([0, 0, -0.12, 0.12, -0.12, 0.05, 0.1, 1, 1], dtype=torch.float64)  # (h - x) / 2, and 1 above
    assert activation.threshold.grad.item() == pytest.approx((upstream * shares).sum().item())


def test_a_value_between_two_levels_goes_to_the_lower_one():
    x = torch.tensor([0.125, 0.375, 0.625, 0.875])
    assert QCFS(levels=4, threshold=1.0)(x).tolist() == [0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize("levels", [1, 4, 7, 16])
def test_a_neuron_gives_in_as_many_steps_as_levels_what_the_activation_gives(levels):
    net = nn.Sequential(nn.Linear(5, 8), QCFS(levels, 0.7), nn.Linear(8, 3)).double()
    randomize(net)
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    spiking, report = from_ann(net, x, method="qcfs", num_steps=levels)
    with torch.no_grad():
        out = snn.unroll(spiking, x.expand(levels, *x.shape)).mean(0)
        torch.testing.assert_close(out, net(x), rtol=0, atol=1e-12)
    assert report.layers[0].error[levels] == pytest.approx(0, abs=1e-12)
    assert report.layers[0].clipped > 0  # and with values beyond both ends


def test_the_first_layer_is_exact_and_so_are_maxima_and_sums_of_it():
    ann, x = own()
    net = QCFS.replace_relu(ann, x, levels=8).double().eval()
    report = from_ann(net, x.double(), method="qcfs", num_steps=8).report
    assert report.layers[0].error[8] == pytest.approx(0, abs=1e-12)
    assert report.layers[-1].correlation[8] > 0.9


def test_every_relu_is_replaced_and_the_net_stays():
    ann, x = own()
    before = copy.deepcopy(ann.state_dict())
    net = QCFS.replace_relu(ann, x, levels=5)
    assert ann.training
    assert net.training
    torch.testing.assert_close(ann.state_dict(), before, rtol=0, atol=0)
    activations = [m for m in net.modules() if isinstance(m, QCFS)]
    assert len(activations) == 5
    assert not any(isinstance(m, nn.ReLU) for m in net.modules())
    assert len({id(m.threshold) for m in activations}) == 5
    assert all(m.levels == 5 and m.threshold > 0 for m in activations)
    assert not QCFS.replace_relu(ann.eval(), x).training


def test_a_replaced_net_trains_with_dropout_and_normalization():
    torch.manual_seed(0)
    ann, x = own()
    net = QCFS.replace_relu(ann, x, levels=8)
    assert not torch.equal(net(x), net(x))  # dropout, a function in the net
    targets = torch.arange(len(x)) % 5
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    losses = []
    for _ in range(60):
        loss = nn.functional.cross_entropy(net(x), targets)
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None for p in net.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    spiking, report = from_ann(net, x, method="qcfs", num_steps=8)
    thresholds = [m.threshold.item() for m in net.modules() if isinstance(m, QCFS)]
    assert sorted(layer.threshold for layer in report.layers[:-1]) == pytest.approx(sorted(thresholds))
    with torch.no_grad():
        assert torch.equal(net.eval()(x), net(x))
    assert isinstance(spiking.get_submodule("stem.1"), snn.RLeaky)


def test_many_levels_are_a_relu_up_to_the_threshold():
    x = torch.linspace(-1, 2, 301)
    assert (QCFS(levels=10**5, threshold=1.5)(x) - x.clamp(0, 1.5)).abs().max() < 1e-5


def test_a_threshold_that_training_made_negative_is_refused():
    net, x = dense()
    net = QCFS.replace_relu(net, x)
    net.get_submodule("5").threshold.data.fill_(-0.5)
    with pytest.raises(ValueError, match=r"the threshold of '5' must be greater than 0, got -0\.5\. Fix: train"):
        from_ann(net, x, method="qcfs")


def test_a_net_without_relu_is_refused():
    with pytest.raises(ValueError, match=r"net must contain an nn\.ReLU to replace, got Sequential without one"):
        QCFS.replace_relu(nn.Sequential(nn.Linear(3, 2)), torch.rand(4, 3))


def test_methods_and_activations_must_fit():
    ann, x = own()
    net = QCFS.replace_relu(Own(), x)
    with pytest.raises(
        ValueError, match=r"method is 'percentile', but these are QCFS, .*: 'stem\.1', .*\. Fix: pass method='qcfs'"
    ):
        from_ann(net, x)
    with pytest.raises(
        ValueError, match=r"method is 'qcfs', but these are ReLUs: 'stem\.1', .*\. Fix: train QCFS\.replace_relu"
    ):
        from_ann(ann, x, method="qcfs")
