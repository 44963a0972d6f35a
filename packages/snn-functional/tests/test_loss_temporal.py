"""Losses of spike times, against times counted by hand and a double loop."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snn_functional import accuracy_temporal, ce_temporal_loss, mse_temporal_loss


def train(times, steps, outputs):
    """Spikes ``[steps, batch, outputs]`` from lists of times, one list per sample, with one list per output."""
    spk = torch.zeros(steps, len(times), outputs, dtype=torch.float64)
    for b, sample in enumerate(times):
        for c, at in enumerate(sample):
            spk[at, b, c] = 1
    return spk


def looped(spk, count):
    """The first spikes of every neuron by three loops: time and index."""
    steps, batch, outputs = spk.shape
    times = torch.zeros(count, batch, outputs, dtype=torch.int64)
    for b in range(batch):
        for c in range(outputs):
            at = [t for t in range(steps) if spk[t, b, c] != 0]
            for k in range(count):
                times[k, b, c] = at[k] if k < len(at) else steps - 1
    return times


def test_the_default_asks_the_class_to_fire_first_and_the_others_last():
    spk = train([[[0], [4]]], 5, 2)
    assert mse_temporal_loss()(spk, torch.tensor([0])) == 0
    wrong = mse_temporal_loss(reduction="none")(spk, torch.tensor([1]))
    torch.testing.assert_close(wrong, torch.tensor([[16 / 25, 16 / 25]], dtype=torch.float64))  # 4 of 5 steps off, each


def test_a_silent_output_counts_as_one_in_the_last_step():
    silent = torch.zeros(5, 1, 2, dtype=torch.float64, requires_grad=True)
    loss = mse_temporal_loss(reduction="none")(silent, torch.tensor([0]))
    torch.testing.assert_close(loss.detach(), torch.tensor([[16 / 25, 0]], dtype=torch.float64))
    loss.sum().backward()
    # t = 4 where 0 is wanted: d/dt (t/5)^2 = 8/25, and minus that at the last step
    expected = torch.zeros(5, 1, 2, dtype=torch.float64)
    expected[4, 0, 0] = -8 / 25
    assert torch.allclose(silent.grad, expected, atol=1e-15)


def test_only_the_first_spike_has_a_part_and_a_gradient():
    spk = train([[[1, 2, 3]]], 5, 1).requires_grad_()
    loss = mse_temporal_loss(on_target=3)(spk, torch.tensor([0]))
    assert loss.item() == pytest.approx(4 / 25)
    loss.backward()
    assert spk.grad.flatten().tolist() == pytest.approx([0, 4 / 25, 0, 0, 0])  # -2 (1 - 3) / 25


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), steps=st.integers(1, 9), batch=st.integers(1, 4), outputs=st.integers(1, 5))
def test_the_gradient_is_minus_the_finite_difference_of_the_spike_time(seed, steps, batch, outputs):
    generator = torch.Generator().manual_seed(seed)
    spk = (torch.rand(steps, batch, outputs, generator=generator) < 0.4).double().requires_grad_()
    targets = torch.randint(0, steps, (batch, outputs), generator=generator)
    mse_temporal_loss(target_is_time=True, reduction="sum")(spk, targets).backward()
    times = looped(spk.detach(), 1)[0].double()

    def loss_of(t):
        return ((t - targets) / steps).square()

    h = 1e-3  # the loss is quadratic in t, so that the central difference is exact but for rounding
    slope = (loss_of(times + h) - loss_of(times - h)) / (2 * h)
    expected = torch.zeros_like(spk).scatter(0, times.long().unsqueeze(0), -slope.unsqueeze(0))
    assert torch.allclose(spk.grad, expected, atol=1e-9)


@pytest.mark.parametrize("inverse", ["negate", "reciprocal"])
def test_the_gradient_of_the_cross_entropy_is_minus_that_of_the_spike_time(inverse):
    spk = train([[[2], [1, 3], []], [[0], [4], [2]]], 5, 3).requires_grad_()
    targets = torch.tensor([0, 2])
    ce_temporal_loss(inverse)(spk, targets).backward()
    times = looped(spk.detach(), 1)[0].double().requires_grad_()
    scores = -times if inverse == "negate" else 1 / (times + 1)
    loss = torch.nn.functional.cross_entropy(scores, targets)
    (of_times,) = torch.autograd.grad(loss, times)
    expected = torch.zeros_like(spk).scatter(0, times.detach().long().unsqueeze(0), -of_times.unsqueeze(0))
    assert torch.allclose(spk.grad, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("tolerance", "error"), [(0, 2 / 10), (2, 2 / 10), (2.5, 0), (3, 0)], ids=["none", "at it", "inside", "well inside"]
)
def test_a_spike_strictly_closer_than_the_tolerance_is_a_hit(tolerance, error):
    spk = train([[[5]]], 10, 1).requires_grad_()
    loss = mse_temporal_loss(on_target=7, tolerance=tolerance)(spk, torch.tensor([0]))
    assert loss.item() == pytest.approx(error**2)
    loss.backward()
    assert (spk.grad != 0).any() == bool(error)


def test_negative_targets_count_from_the_end():
    spk = train([[[8], [9]]], 10, 2)
    assert mse_temporal_loss(on_target=-2, off_target=-1)(spk, torch.tensor([0])) == 0
    assert mse_temporal_loss(target_is_time=True)(spk, torch.tensor([[-2, -1]])) == 0


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), steps=st.integers(1, 8), count=st.integers(1, 4))
def test_several_spikes_are_those_of_a_loop_each_for_its_own_neuron(seed, steps, count):
    generator = torch.Generator().manual_seed(seed)
    spk = (torch.rand(steps, 3, 4, generator=generator) < 0.5).double()
    targets = torch.randint(0, steps, (count, 3, 4), generator=generator)
    losses = mse_temporal_loss(target_is_time=True, multi_spike=True, reduction="none")(spk, targets)
    assert torch.allclose(losses, ((looped(spk, count) - targets) / steps).double().square(), atol=1e-15)


def test_several_targets_of_labels_go_to_the_spikes_in_order():
    spk = train([[[0, 2], [3, 4]]], 5, 2)
    loss_fn = mse_temporal_loss(on_target=[0, 2], off_target=torch.tensor([-2, -1]), multi_spike=True)
    assert loss_fn(spk, torch.tensor([0])) == 0
    assert mse_temporal_loss(on_target=[0, 3], off_target=[3, 4], multi_spike=True, reduction="none")(
        spk, torch.tensor([0])
    ).flatten().tolist() == pytest.approx([0, 0, 1 / 25, 0])


def test_spike_times_broadcast_over_the_batch():
    spk = train([[[1], [2]], [[2], [2]]], 4, 2)
    loss_fn = mse_temporal_loss(target_is_time=True, reduction="none")
    assert torch.equal(loss_fn(spk, torch.tensor([1, 2])), loss_fn(spk, torch.tensor([[1, 2], [1, 2]])))
    several = mse_temporal_loss(target_is_time=True, multi_spike=True, reduction="none")
    assert torch.equal(several(spk, torch.tensor([[1, 2]])), loss_fn(spk, torch.tensor([1, 2])).unsqueeze(0))
    assert several(spk, torch.tensor([1, 2])).shape == (2, 2, 2)  # [F]: the same for every output


def test_class_weights_weigh_the_sample():
    spk = train([[[1], [3]], [[0], [2]]], 4, 2)
    targets, weight = torch.tensor([0, 1]), torch.tensor([1.0, 3.0])
    each = mse_temporal_loss(reduction="none")(spk, targets)
    by_hand = (each[0].sum() + 3 * each[1].sum()) / (2 * (1 + 3))
    assert torch.allclose(mse_temporal_loss(weight=weight)(spk, targets), by_hand)


def test_a_hand_worked_cross_entropy_of_times():
    spk = train([[[1], [3]]], 4, 2)
    # scores -1 and -3: ln(1 + e^-2); reciprocals 1/2 and 1/4: ln(1 + e^(-1/4))
    assert ce_temporal_loss()(spk, torch.tensor([0])).item() == pytest.approx(math.log1p(math.exp(-2)))
    assert ce_temporal_loss("reciprocal")(spk, torch.tensor([0])).item() == pytest.approx(math.log1p(math.exp(-0.25)))


def test_the_class_that_fires_first_is_the_answer():
    spk = train([[[2], [1]], [[0, 1], [0]], [[], [3]], [[], []]], 4, 2)
    # second by time; a tie goes to the first class; one that fires in the last step beats a silent one; no answer
    assert accuracy_temporal(spk, torch.tensor([1, 0, 1, 0]), return_silent=True) == (0.75, 0.25)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), count=st.integers(1, 4), batch=st.integers(1, 5), outputs=st.integers(1, 4))
def test_times_of_several_spikes_broadcast_from_the_axis_of_spikes(seed, count, batch, outputs):
    generator = torch.Generator().manual_seed(seed)
    spk = (torch.rand(7, batch, outputs, generator=generator) < 0.4).double()
    loss_fn = mse_temporal_loss(target_is_time=True, multi_spike=True, reduction="none")

    def value_and_gradient(targets):
        leaf = spk.clone().requires_grad_()
        losses = loss_fn(leaf, targets)
        assert losses.shape == (count, batch, outputs)
        return losses.detach(), torch.autograd.grad(losses.sum(), leaf)[0]

    each = torch.randint(0, 7, (count,), generator=generator)
    of_outputs = torch.randint(0, 7, (count, outputs), generator=generator)
    for short, whole in ((each, each.reshape(-1, 1, 1)), (of_outputs, of_outputs.unsqueeze(1))):
        result = value_and_gradient(short)
        assert all(map(torch.equal, result, value_and_gradient(whole)))
        assert all(map(torch.equal, result, value_and_gradient(whole.expand(count, batch, outputs))))
