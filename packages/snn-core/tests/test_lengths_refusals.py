"""Lengths, and nets, that ``unroll(net, xs, lengths=...)`` does not take: which error, and what it names."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_core.neuron.temporal import Temporal

from .test_unroll import lif

XS = torch.rand(7, 3, 5)
WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "one too few": ([1, 2], ValueError, "lengths has shape (2,); xs of shape (7, 3, 5) takes one per sample, [3]"),
    "one for each step": (
        [1] * 7,
        ValueError,
        "one per sample, [3]; axis 0 is time: if the data are [batch, T, ...], ",
    ),
    "a column": (torch.ones(3, 1).long(), ValueError, "lengths has shape (3, 1)"),
    "one for all": (4, ValueError, "lengths has shape ()"),
    "none": ([], ValueError, "lengths has shape (0,)"),
    "too long": ([1, 8, 2], ValueError, "lengths contains 8; with 7 steps, a length must be in [0, 7]"),
    "negative": ([1, -2, 2], ValueError, "lengths contains -2; with 7 steps, a length must be in [0, 7]"),
    "floats": (
        torch.ones(3),
        TypeError,
        "lengths is torch.float32; numbers of steps are integers: pass lengths.long()",
    ),
    "a mask": (torch.ones(3, dtype=torch.bool), TypeError, "lengths is torch.bool"),
    "complex": (torch.ones(3) * 1j, TypeError, "lengths is torch.complex64"),
    "text": ("abc", TypeError, "lengths is 'abc'; pass one integer per sample, as a tensor or list"),
    "ragged list": ([[1], [2, 3], 4], TypeError, "pass one integer per sample"),
}


@pytest.mark.parametrize(("lengths", "error", "message"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("schedule", ["auto", "steps"])
def test_wrong_lengths_are_named_with_the_remedy(lengths, error, message: str, schedule: str) -> None:
    net = nn.Sequential(nn.Linear(5, 4), lif())
    net(XS[0])
    mem = net[1].mem.clone()
    with pytest.raises(error, match=re.escape(message)):
        snn.unroll(net, XS, lengths=lengths, schedule=schedule)
    assert torch.equal(net[1].mem, mem)


def test_input_without_a_batch_has_no_lengths() -> None:
    with pytest.raises(ValueError, match=r"lengths belong to samples, but xs of shape \(7,\) has no batch axis"):
        snn.unroll(lif(), torch.rand(7), lengths=[1])


class Reduces(nn.Module):
    def __init__(self, whole: bool) -> None:
        super().__init__()
        self.spike, self.whole = lif(), whole

    def forward(self, x: Tensor) -> Tensor:
        spk = self.spike(x)
        return spk.mean() if self.whole else spk.mean(0)


@pytest.mark.parametrize(("whole", "shape"), [(True, "()"), (False, "(5,)")])
def test_a_net_that_reduces_the_batch_is_refused(whole: bool, shape: str) -> None:
    message = rf"lengths needs a net that returns one row per sample.* of shape {re.escape(shape)} from 3 rows; reduce"
    with pytest.raises(ValueError, match=message):
        snn.unroll(Reduces(whole), XS, lengths=[3, 7, 1])
    assert snn.unroll(Reduces(whole), XS).shape[0] == 7


class Remembers(Temporal):
    """Keeps something of which nothing is known."""

    def forward(self, x: Tensor) -> Tensor:
        self._keep((x.sum(0),))
        return x


class KeepsSamples(Temporal):
    """Adds up what it sees, sample by sample."""

    keeps_by_sample = True

    def forward(self, x: Tensor) -> Tensor:
        states = self._recall()
        total = x if states is None else states[0] + x
        self._keep((total,))
        return total


def test_a_module_that_does_not_keep_samples_is_refused_by_its_path() -> None:
    with pytest.raises(ValueError, match=r"'1' \(Remembers\).*keeps_by_sample = True"):
        snn.unroll(nn.Sequential(lif(), Remembers()), XS, lengths=[3, 7, 1])


def test_a_module_that_says_so_runs_step_by_step() -> None:
    net = KeepsSamples()
    out = snn.unroll(net, XS, lengths=[3, 7, 1], schedule="steps")
    for sample, length in enumerate((3, 7, 1)):
        torch.testing.assert_close(out[:length, sample], XS[:length, sample].cumsum(0))
        torch.testing.assert_close(net._kept[0][sample], XS[:length, sample].sum(0))


@pytest.mark.parametrize("schedule", ["auto", "steps"])
def test_a_state_of_another_batch_is_refused(schedule: str) -> None:
    net = nn.Sequential(nn.Linear(5, 4), lif())
    snn.unroll(net, torch.rand(7, 4, 5))
    with pytest.raises(ValueError, match=r"Leaky keeps a state.*4.*; call snn.utils.reset\(net\)"):
        snn.unroll(net, XS, lengths=[3, 7, 1], resume=True, schedule=schedule)


@pytest.mark.parametrize("options", [{"schedule": "steps"}, {"chunk": 2}, {"resume": True}], ids=str)
def test_whole_sequences_cannot_be_cut_with_lengths_either(options) -> None:
    with pytest.raises(ValueError, match="takes the whole sequence at once and cannot be cut"):
        snn.unroll(snn.StateLeaky(beta=0.9, channels=5), XS, lengths=[3, 7, 1], **options)


@pytest.mark.parametrize("schedule", ["auto", "steps"])
def test_normalization_through_time_does_not_go_on_from_steps_that_differ(schedule: str) -> None:
    net = nn.Sequential(snn.BatchNormTT1d(5, 9), lif()).eval()
    snn.unroll(net, XS[:4], lengths=[2, 4, 4], schedule=schedule)
    with pytest.raises(ValueError, match=r"BatchNormTT1d has one entry per step.* had \[2, 4\] steps"):
        snn.unroll(net, XS[:2], resume=True, schedule=schedule)
    snn.unroll(net, XS[:2], lengths=[0, 2, 2], resume=True, schedule=schedule)  # those that go on are at one step
    with pytest.raises(ValueError, match=r"time_steps=9"):
        snn.unroll(net, XS[:4], lengths=[0, 4, 4], resume=True, schedule=schedule)
