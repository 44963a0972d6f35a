"""Tests of all losses of a recording and its labels: dtypes, checks, weights."""

import copy
import pickle

import pytest
import torch

from snn_functional import (
    ce_count_loss,
    ce_max_membrane_loss,
    ce_membrane_loss,
    ce_rate_loss,
    ce_temporal_loss,
    l1_rate_sparsity,
    mse_count_loss,
    mse_membrane_loss,
    mse_temporal_loss,
    tet_loss,
)

MEMBRANE_LOSSES = [ce_max_membrane_loss, ce_membrane_loss, mse_membrane_loss]
TEMPORAL_LOSSES = [mse_temporal_loss, ce_temporal_loss]
COUNT_LOSSES = [ce_rate_loss, ce_count_loss, mse_count_loss]
LOSSES = COUNT_LOSSES + MEMBRANE_LOSSES + TEMPORAL_LOSSES
every_loss = pytest.mark.parametrize("loss", LOSSES)

SPK = torch.rand(7, 3, 4, generator=torch.Generator().manual_seed(0))
TARGETS = torch.tensor([3, 0, 1])


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_the_loss_has_the_dtype_of_the_spikes(loss, dtype, reduction):
    spk = SPK.to(dtype, copy=True).requires_grad_()
    value = loss(reduction=reduction, weight=[1, 2, 3, 4])(spk, TARGETS)
    assert value.dtype == dtype
    value.sum().backward()
    assert spk.grad.dtype == dtype
    assert spk.grad.isfinite().all()


@every_loss
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_labels_may_be_any_integers(loss, dtype):
    assert torch.equal(loss()(SPK, TARGETS.to(dtype)), loss()(SPK, TARGETS))


@pytest.mark.usefixtures("fresh_compiler")
@every_loss
def test_a_loss_compiles_without_a_graph_break(loss):
    compiled = torch.compile(loss(weight=[1.0, 2.0, 3.0, 4.0]), backend="eager", fullgraph=True)
    assert torch.equal(compiled(SPK, TARGETS), loss(weight=[1.0, 2.0, 3.0, 4.0])(SPK, TARGETS))


LONG = (torch.rand(601, 3, 4, generator=torch.Generator().manual_seed(1)) < 0.9).float()  # 16 bits count to 256
IN_LONG = {
    **{kind.__name__: (kind(), TARGETS) for kind in LOSSES},
    **{f"{kind.__name__} weighted": (kind(reduction="none", weight=[1.0, 2.0, 3.0, 4.0]), TARGETS) for kind in LOSSES},
    "tet_loss": (tet_loss(), TARGETS),
    "ce_rate_loss smoothed": (ce_rate_loss(weight=[1.0, 2.0, 3.0, 4.0], label_smoothing=0.1), TARGETS),
    "ce_count_loss of a population": (ce_count_loss(population_code=True, num_classes=2), TARGETS % 2),
    "mse_count_loss of a population": (mse_count_loss(population_code=True, num_classes=2), TARGETS % 2),
    "mse_membrane_loss of membranes": (mse_membrane_loss(time_var_targets=True), LONG * 0.7),
    "mse_temporal_loss of times": (mse_temporal_loss(target_is_time=True), LONG[:300].sum(0)),
    "l1_rate_sparsity": (lambda spk, targets, **steps: l1_rate_sparsity()(spk, **steps), TARGETS),
}


@pytest.mark.parametrize("steps", [{}, {"lengths": [601, 299, 400]}], ids=["all steps", "lengths"])
@pytest.mark.parametrize("autocast", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", IN_LONG)
def test_autocast_changes_neither_a_loss_nor_its_gradient(name, dtype, autocast, steps):
    loss_fn, targets = IN_LONG[name]
    results = []
    for enabled in (False, True):
        spk = LONG.to(dtype, copy=True).requires_grad_()
        with torch.autocast("cpu", dtype=autocast, enabled=enabled):
            loss = loss_fn(spk, targets, **steps)
        loss.sum().backward()
        results.append((loss.detach(), spk.grad))
    (plain, of_plain), (rounded, of_rounded) = results
    assert plain.dtype == rounded.dtype
    assert torch.equal(plain, rounded)
    assert torch.equal(of_plain, of_rounded)


@pytest.mark.parametrize("place", ["cpu", "meta"])
@pytest.mark.parametrize("called", [torch.inference_mode, torch.no_grad, torch.enable_grad])
@pytest.mark.parametrize("construction", [torch.inference_mode, torch.no_grad])
@every_loss
def test_inference_mode_changes_no_loss(loss, construction, called, place):
    plain = SPK.clone().requires_grad_()
    expected = loss(weight=[1, 2, 3, 4])(plain, TARGETS)
    expected.backward()
    with construction():
        loss_fn = loss(weight=[1, 2, 3, 4])
    for _ in range(2):
        spk, targets = SPK.to(place, copy=True).requires_grad_(), TARGETS.to(place)
        with called():
            value = loss_fn(spk, targets)
        assert value.shape == expected.shape
        assert value.is_meta or torch.equal(value, expected)
        if called is torch.enable_grad:
            value.backward()
            assert spk.is_meta or torch.equal(spk.grad, plain.grad)


@every_loss
def test_the_order_of_the_samples_does_not_matter(loss):
    order = torch.tensor([2, 0, 1])
    loss_fn = loss(weight=[1.0, 2.0, 3.0, 4.0])
    assert torch.allclose(loss_fn(SPK[:, order], TARGETS[order]), loss_fn(SPK, TARGETS))


@every_loss
def test_spikes_and_labels_stay_as_they_are(loss):
    spk, targets = SPK.clone(), TARGETS.clone()
    loss()(spk, targets)
    assert torch.equal(spk, SPK)
    assert torch.equal(targets, TARGETS)


@every_loss
def test_a_loss_can_be_copied_and_pickled(loss):
    loss_fn = loss(reduction="sum", weight=torch.tensor([1.0, 2.0, 3.0, 4.0]))
    value = loss_fn(SPK, TARGETS)
    assert torch.equal(copy.deepcopy(loss_fn)(SPK, TARGETS), value)
    assert torch.equal(pickle.loads(pickle.dumps(loss_fn))(SPK, TARGETS), value)
