"""What every loss of a recording and its labels has in common: dtypes, checks, weights."""

import copy
import pickle

import pytest
import torch

from snn_functional import (
    ce_count_loss,
    ce_max_membrane_loss,
    ce_rate_loss,
    ce_temporal_loss,
    mse_count_loss,
    mse_membrane_loss,
    mse_temporal_loss,
)

MEMBRANE_LOSSES = [ce_max_membrane_loss, mse_membrane_loss]
TEMPORAL_LOSSES = [mse_temporal_loss, ce_temporal_loss]
COUNT_LOSSES = [ce_rate_loss, ce_count_loss, mse_count_loss]
LOSSES = COUNT_LOSSES + MEMBRANE_LOSSES + TEMPORAL_LOSSES
every_loss = pytest.mark.parametrize("loss", LOSSES)
every_count_loss = pytest.mark.parametrize("loss", COUNT_LOSSES)

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


@every_loss
def test_a_loss_compiles_without_a_graph_break(loss):
    compiled = torch.compile(loss(weight=[1.0, 2.0, 3.0, 4.0]), backend="eager", fullgraph=True)
    assert torch.equal(compiled(SPK, TARGETS), loss(weight=[1.0, 2.0, 3.0, 4.0])(SPK, TARGETS))


@every_loss
def test_the_order_of_the_samples_has_no_part(loss):
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


@every_loss
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"reduction": "average"}, "reduction is 'average'; choose one of 'mean', 'sum', 'none'"),
        ({"weight": torch.tensor([1.0, -1.0])}, "at least 0"),
        ({"weight": [1.0, float("inf")]}, "finite"),
        ({"weight": torch.ones(2, 2)}, r"\[num_classes\]"),
    ],
)
def test_options_out_of_range_are_refused_at_construction(loss, kwargs, message):
    with pytest.raises(ValueError, match=message):
        loss(**kwargs)


@every_loss
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"weight": "heavy"}, "weight is 'heavy'"),
        ({"weight": torch.ones(2, dtype=torch.complex64)}, "complex64"),
    ],
)
def test_options_of_the_wrong_kind_are_refused_at_construction(loss, kwargs, message):
    with pytest.raises(TypeError, match=message):
        loss(**kwargs)


@every_loss
@pytest.mark.parametrize(
    ("spk", "targets", "message"),
    [
        (SPK[0], TARGETS, r"spk_out has shape \(3, 4\); it must be \[num_steps, batch, num_outputs\]"),
        (SPK[:0], TARGETS, r"spk_out has shape \(0, 3, 4\)"),
        (SPK[:, :0], TARGETS[:0], "none of them 0"),
        (SPK, TARGETS[:2], r"targets has shape \(2,\).*one label a sample, \[3\]"),
        (SPK, torch.eye(4, dtype=torch.int64)[TARGETS], r"targets has shape \(3, 4\)"),
        (SPK, TARGETS + 1, r"targets holds 4; with 4 classes a label lies in \[0, 3\]"),
        (SPK, TARGETS - 1, "targets holds -1"),
        (SPK, TARGETS.to("meta"), r"targets is on meta, spk_out on cpu; pass targets\.to"),
    ],
)
def test_recordings_and_labels_that_do_not_fit_are_refused(loss, spk, targets, message):
    with pytest.raises(ValueError, match=message.replace("spk_out", loss.recording)):
        loss()(spk, targets)


@every_loss
@pytest.mark.parametrize(
    ("spk", "targets", "message"),
    [
        ([1.0], TARGETS, "spk_out is a list"),
        (SPK.to(torch.complex64), TARGETS, "complex64"),
        (SPK.long(), TARGETS, r"spk_out has dtype torch\.int64; a loss needs floats"),
        (SPK, [3, 0, 1], "targets is a list"),
        (SPK, TARGETS.float(), r"targets has dtype torch\.float32; labels are integers: pass targets\.long"),
        (SPK, TARGETS.bool(), "bool"),
    ],
)
def test_recordings_and_labels_of_the_wrong_kind_are_refused(loss, spk, targets, message):
    with pytest.raises(TypeError, match=message.replace("spk_out", loss.recording)):
        loss()(spk, targets)


@every_count_loss
@pytest.mark.parametrize(
    ("num_classes", "error", "message"),
    [
        (False, ValueError, "num_classes is not given"),
        (None, ValueError, "num_classes is not given"),
        (0, ValueError, "num_classes is 0; it must be at least 1"),
        (-2, ValueError, "num_classes is -2"),
        (2.0, TypeError, r"num_classes is 2\.0; pass an int"),
        (True, TypeError, "num_classes is True"),
    ],
)
def test_a_population_needs_its_number_of_classes(loss, num_classes, error, message):
    with pytest.raises(error, match=message):
        loss(population_code=True, num_classes=num_classes)


@every_count_loss
def test_groups_of_a_population_have_one_size(loss):
    with pytest.raises(ValueError, match="spk_out has 4 outputs, no multiple of num_classes=3"):
        loss(population_code=True, num_classes=3)(SPK, torch.tensor([0, 1, 2]))


@every_count_loss
def test_a_population_has_fewer_classes_than_outputs(loss):
    with pytest.raises(ValueError, match="targets holds 3; with 2 classes"):
        loss(population_code=True, num_classes=2)(SPK, TARGETS)


@every_loss
def test_every_class_has_a_weight(loss):
    with pytest.raises(ValueError, match="weight has 3 entries for 4 classes"):
        loss(weight=torch.ones(3))(SPK, TARGETS)
