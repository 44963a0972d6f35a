"""Membranes in place of spikes: losses and accuracies that mean nothing but spikes warn of them."""

from __future__ import annotations

import warnings

import pytest
import torch

import snn_core as snn
import snn_functional as SF

LABELS = torch.tensor([0, 2, 1])
OF_SPIKES = {
    "accuracy_rate": (SF.accuracy_rate, "or use accuracy_membrane"),
    "accuracy_temporal": (SF.accuracy_temporal, "or use accuracy_membrane"),
    "mse_count_loss": (SF.mse_count_loss(), "or use mse_membrane_loss"),
    "mse_temporal_loss": (SF.mse_temporal_loss(), "or use mse_membrane_loss"),
    "ce_temporal_loss": (SF.ce_temporal_loss(), "or use ce_max_membrane_loss"),
}
OF_SCORES = [
    *(SF.ce_rate_loss(), SF.ce_count_loss(), SF.ce_max_membrane_loss(), SF.ce_membrane_loss(), SF.mse_membrane_loss())
]
of_spikes = pytest.mark.parametrize(("function", "remedy"), OF_SPIKES.values(), ids=OF_SPIKES)


def recorded(**options):
    """Spikes and membranes of seven steps of three samples and neurons, with input of both signs."""
    xs = 1.5 * torch.randn(7, 3, 3, generator=torch.Generator().manual_seed(0))
    spk, states = snn.Leaky(beta=0.9, **options).unroll(xs, trace=True)
    assert spk.any()
    assert (states.mem < 0).any()
    return spk, states.mem


@of_spikes
def test_membranes_in_place_of_spikes_are_reported_at_the_line_of_the_call(function, remedy):
    spk, mem = recorded()
    function(spk, LABELS)
    words = rf"spk_out has negative values of several sizes, as .* not spikes\. Fix: pass the spikes.*{remedy}"
    with pytest.warns(UserWarning, match=words) as warned:
        function(mem, LABELS)
    assert [warning.filename for warning in warned] == [__file__]


@of_spikes
def test_spikes_of_any_amplitude_and_sign_are_spikes(function, remedy):
    function(recorded(graded_spikes_factor=torch.tensor([-0.5, 2.0, 0.75]))[0], LABELS)
    changes = torch.tensor([0.0, 1.0, -1.0, 0.0, 1.0, -1.0, 0.0]).reshape(7, 1, 1).expand(7, 3, 3)
    function(changes, LABELS)  # those of spikegen.delta(off_spike=True)


@of_spikes
def test_outputs_that_are_never_negative_may_be_graded(function, remedy):
    function(recorded()[1].relu(), LABELS)


@of_spikes
def test_steps_that_do_not_count_are_not_looked_at(function, remedy):
    spk, mem = recorded()
    lengths = [3, 4, 2]
    padded = torch.where(torch.arange(7).reshape(7, 1, 1) < torch.tensor(lengths).reshape(3, 1), spk, mem)
    assert (padded < 0).any()
    function(padded, LABELS, lengths=lengths)


@pytest.mark.parametrize("loss", OF_SCORES, ids=lambda loss: type(loss).__name__)
def test_losses_of_scores_and_membranes_take_membranes(loss):
    assert loss(recorded()[1], LABELS).isfinite()


def test_the_report_comes_once_in_a_loop_over_batches():
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("default")
        for seed in range(5):
            SF.accuracy_rate(torch.randn(7, 3, 3, generator=torch.Generator().manual_seed(seed)), LABELS)
    assert len(warned) == 1


def test_a_transform_over_recordings_is_not_asked_for_values():
    _, mem = recorded()
    loss = SF.mse_count_loss()
    each = torch.func.vmap(lambda outputs: loss(outputs, LABELS))(torch.stack([mem, 2 * mem]))
    with pytest.warns(UserWarning, match="spk_out has negative values of several sizes, as membranes have, not spikes"):
        expected = torch.stack([loss(mem, LABELS), loss(2 * mem, LABELS)])
    torch.testing.assert_close(each, expected)
