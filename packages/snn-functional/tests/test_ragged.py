"""Batches of samples with different numbers of steps: padded equals unpadded, for every loss and accuracy."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from snn_functional import (
    accuracy_rate,
    accuracy_temporal,
    ce_count_loss,
    ce_max_membrane_loss,
    ce_membrane_loss,
    ce_rate_loss,
    ce_temporal_loss,
    l1_rate_sparsity,
    mse_count_loss,
    mse_membrane_loss,
    mse_temporal_loss,
)

CLASSES = 4
WEIGHT = [1.0, 2.0, 0.5, 3.0]
LOSSES = {
    "ce_rate": lambda **o: ce_rate_loss(**o),
    "ce_count": lambda **o: ce_count_loss(**o),
    "ce_count, population": lambda **o: ce_count_loss(population_code=True, num_classes=CLASSES, **o),
    "ce_max_membrane": lambda **o: ce_max_membrane_loss(**o),
    "ce_membrane, mean": lambda **o: ce_membrane_loss(**o),
    "ce_membrane, last": lambda **o: ce_membrane_loss("last", **o),
    "mse_count": lambda **o: mse_count_loss(0.7, 0.3, **o),
    "mse_membrane": lambda **o: mse_membrane_loss(on_target=1.5, off_target=0.2, **o),
    "mse_temporal": lambda **o: mse_temporal_loss(on_target=0, off_target=-1, tolerance=1.5, **o),
    "ce_temporal": lambda **o: ce_temporal_loss(**o),
    "ce_temporal, reciprocal": lambda **o: ce_temporal_loss("reciprocal", **o),
}


def batch(seed, steps, size, outputs=CLASSES):
    generator = torch.Generator().manual_seed(seed)
    spk = (torch.rand(steps, size, outputs, generator=generator) < 0.3).double()
    return spk, torch.randint(0, CLASSES, (size,), generator=generator), generator


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), steps=st.integers(1, 9), size=st.integers(1, 4), masked=st.booleans())
def test_a_padded_loss_and_its_gradient_are_those_of_the_samples_alone(name, seed, steps, size, masked):
    loss_fn = LOSSES[name](reduction="none")
    spk, targets, generator = batch(seed, steps, size, outputs=2 * CLASSES if "population" in name else CLASSES)
    if masked:
        mask = torch.rand(steps, size, generator=generator) < 0.6
        mask[torch.randint(0, steps, (size,), generator=generator), torch.arange(size)] = True
        which = {"mask": mask}
    else:
        lengths = torch.randint(1, steps + 1, (size,), generator=generator)
        mask = torch.arange(steps).unsqueeze(1) < lengths
        which = {"lengths": lengths}
    padded = spk.masked_fill(~mask.unsqueeze(-1), float("nan")).requires_grad_()
    losses = loss_fn(padded, targets, **which)
    (gradient,) = torch.autograd.grad(losses.sum(), padded)
    for b in range(size):
        alone = spk[mask[:, b], b : b + 1].requires_grad_()
        loss = loss_fn(alone, targets[b : b + 1])
        torch.testing.assert_close(losses[b : b + 1], loss, rtol=1e-12, atol=1e-12)
        (of_alone,) = torch.autograd.grad(loss.sum(), alone)
        torch.testing.assert_close(gradient[mask[:, b], b : b + 1], of_alone, rtol=1e-10, atol=1e-12)
    assert (gradient.masked_select(~mask.unsqueeze(-1)) == 0).all()


INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32, torch.uint32, torch.int64, torch.uint64]


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("steps", [255, 256, 257, 300])
def test_integers_of_any_width_that_hold_the_lengths_are_like_a_list(steps, dtype):
    spk, targets, _ = batch(1, steps, 3)
    for lengths in ([min(steps, torch.iinfo(dtype).max), 44, 1], [50, 10, 44]):
        losses, expected = (
            ce_rate_loss(reduction="none")(spk, targets, lengths=kind)
            for kind in (torch.tensor(lengths, dtype=dtype), lengths)
        )
        assert torch.equal(losses, expected)


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_labels_are_integers_of_any_width(dtype):
    spk, targets, _ = batch(1, 5, 3)
    assert torch.equal(ce_rate_loss()(spk, targets.to(dtype)), ce_rate_loss()(spk, targets))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_ragged_batch_is_reduced_as_any_other(name, reduction):
    spk, targets, _ = batch(1, 6, 3, outputs=2 * CLASSES if "population" in name else CLASSES)
    lengths = [6, 2, 4]
    each = LOSSES[name](reduction="none", weight=WEIGHT)(spk, targets, lengths=lengths)
    share = torch.tensor(WEIGHT)[targets].sum() * (each.shape[1] if each.dim() == 2 else 1)
    if name.startswith(("ce_rate", "ce_count", "ce_max", "ce_membrane")):
        share = len(targets)
    expected = each.sum() / share if reduction == "mean" else each.sum()
    torch.testing.assert_close(
        LOSSES[name](reduction=reduction, weight=WEIGHT)(spk, targets, lengths=lengths), expected
    )


@pytest.mark.parametrize("name", LOSSES)
def test_full_lengths_equal_none(name):
    spk, targets, _ = batch(2, 5, 3, outputs=2 * CLASSES if "population" in name else CLASSES)
    loss_fn = LOSSES[name]()
    torch.testing.assert_close(loss_fn(spk, targets, lengths=[5, 5, 5]), loss_fn(spk, targets))


def test_targets_that_vary_in_time_count_where_the_steps_do():
    mem, _, _ = batch(3, 5, 2)
    targets = torch.zeros_like(mem).masked_fill(torch.arange(5).reshape(-1, 1, 1) >= 3, float("nan"))
    loss_fn = mse_membrane_loss(time_var_targets=True)
    torch.testing.assert_close(loss_fn(mem, targets, lengths=[3, 3]), loss_fn(mem[:3], targets[:3]))


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.uint16, torch.int64, torch.float16, torch.float64])
@pytest.mark.parametrize("masked", [False, True], ids=["lengths", "mask"])
@settings(max_examples=10, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), steps=st.integers(1, 7), size=st.integers(1, 4))
def test_targets_of_steps_that_do_not_count_do_not_matter(dtype, masked, seed, steps, size):
    mem, _, generator = batch(seed, steps, size)
    lengths = torch.randint(1, steps + 1, (size,), generator=generator)
    counts = torch.arange(steps).unsqueeze(1) < lengths
    which = {"mask": counts} if masked else {"lengths": lengths}
    is_label = not dtype.is_floating_point
    targets = torch.randint(0, CLASSES, (steps, size) if is_label else (steps, size, CLASSES), generator=generator)
    nonsense = 200 if dtype in (torch.uint8, torch.uint16) else -7 if is_label else float("nan")
    padding = ~counts if is_label else ~counts.unsqueeze(-1)
    padded = torch.where(padding, nonsense, targets).to(dtype)
    loss_fn = mse_membrane_loss(time_var_targets=True, reduction="none")
    leaf, expected_leaf = mem.clone().requires_grad_(), mem.clone().requires_grad_()
    losses, expected = loss_fn(leaf, padded, **which), loss_fn(expected_leaf, targets.to(dtype), **which)
    assert torch.equal(losses, expected)
    losses.sum().backward()
    expected.sum().backward()
    assert torch.equal(leaf.grad, expected_leaf.grad)
    for b in range(size):
        alone = loss_fn(mem[counts[:, b], b : b + 1], targets[counts[:, b], b : b + 1].to(dtype))
        torch.testing.assert_close(losses[b : b + 1], alone)


def test_a_label_of_a_step_that_counts_is_checked():
    mem, labels = torch.rand(3, 2, 4), torch.tensor([[0, 1], [2, -1], [1, -2]])
    with pytest.raises(ValueError, match=r"targets must be in \[0, 3\] with 4 classes, got -1"):
        mse_membrane_loss(time_var_targets=True)(mem, labels, lengths=[3, 2])


def outcome(call):
    """The result, or the error's class."""
    try:
        return call()
    except ValueError as error:
        return type(error)


@pytest.mark.parametrize("of", ["times", "several times", "labels", "several labels"])
@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), masked=st.booleans(), first=st.integers(-7, 3), last=st.integers(-7, 3))
def test_a_sample_of_a_ragged_batch_is_refused_exactly_if_it_is_refused_alone(of, seed, masked, first, last):
    spk, labels, generator = batch(seed, 6, 3)
    if masked:
        counts = torch.rand(6, 3, generator=generator) < 0.7
        counts[0] = True
        which = {"mask": counts}
    else:
        lengths = torch.randint(2, 7, (3,), generator=generator)
        counts, which = torch.arange(6).unsqueeze(1) < lengths, {"lengths": lengths}
    several = of.startswith("several")
    if of.endswith("times"):
        loss_fn = mse_temporal_loss(target_is_time=True, multi_spike=several, reduction="none")
        times = torch.randint(-6, 4, (2, 3, CLASSES), generator=generator)
        targets = [times[:, b : b + 1] if several else times[0, b : b + 1] for b in range(3)]
        together = torch.cat(targets, -2)
    else:
        on, off = ([first, last], [last, first]) if several else (first, last)
        loss_fn = mse_temporal_loss(on_target=on, off_target=off, multi_spike=several, reduction="none")
        targets, together = labels.split(1), labels
    alone = [outcome(lambda b=b: loss_fn(spk[counts[:, b], b : b + 1], targets[b])) for b in range(3)]
    result = outcome(lambda: loss_fn(spk, together, **which))
    if ValueError in alone:
        assert result is ValueError
    else:
        torch.testing.assert_close(result, torch.cat(alone, -2))


@pytest.mark.parametrize("targets", [torch.tensor([[0.0], [-5.0]]), torch.tensor([[-9.0], [-3.0]])])
def test_a_time_before_a_samples_first_step_is_reported_with_its_number_of_steps(targets):
    number, time = (3, -5) if targets[1] == -5 else (6, -9)
    with pytest.raises(
        ValueError, match=f"a target time must be at least -{number} with {number} steps .*, got {time}.0"
    ):
        mse_temporal_loss(target_is_time=True)(torch.zeros(6, 2, 1), targets, lengths=[6, 3])
    with pytest.raises(ValueError, match=r"a target time must be at least -3 with 3 steps .*, got -4\.0"):
        mse_temporal_loss(on_target=-4)(torch.zeros(6, 2, 1), torch.tensor([0, 0]), lengths=[6, 3])


@pytest.mark.parametrize("accuracy", [accuracy_rate, accuracy_temporal])
@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31))
def test_a_padded_accuracy_is_that_of_the_samples_alone(accuracy, seed):
    spk, targets, generator = batch(seed, 6, 5)
    lengths = torch.randint(1, 7, (5,), generator=generator)
    padded = spk.masked_fill(torch.arange(6).reshape(-1, 1, 1) >= lengths.reshape(1, -1, 1), float("nan"))
    alone = [accuracy(spk[:n, b : b + 1], targets[b : b + 1], return_silent=True) for b, n in enumerate(lengths)]
    expected = tuple(sum(a[i] for a in alone) / 5 for i in (0, 1))
    assert accuracy(padded, targets, lengths=lengths, return_silent=True) == pytest.approx(expected)


def test_only_spikes_that_count_are_penalized():
    spk = torch.ones(4, 2, 3)
    assert l1_rate_sparsity(0.5)(spk, lengths=[1, 3]) == 0.5 * (3 + 9)
    assert l1_rate_sparsity(0.5)(spk, mask=torch.eye(4, 2, dtype=torch.bool)) == 0.5 * (3 + 3)
