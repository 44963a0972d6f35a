"""Page faults of a training step: when they are measured, and that memory which is kept has none."""

import json
import os
import resource
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_functional import diagnose
from snn_functional.diagnosis import Limits

from .diagnosed import LABELS, STEPS, batch, codes, well

BYTES = STEPS * 5 * (9 + 3) * 4  # what the two layers of neurons of the net that is well are given
PAGES = BYTES / 4096


@pytest.fixture
def counter(monkeypatch):
    """A system in which each step has as many page faults as it is told, in turn, and who asked how often."""
    counts = []

    def each(*faults):
        totals = [0]
        for number in faults:
            totals += [totals[-1], totals[-1] + number]
        answers = iter(totals[1:])

        def usage(who):
            counts.append(who)
            return SimpleNamespace(ru_minflt=next(answers))

        monkeypatch.setattr(resource, "getrusage", usage)
        return counts

    return each


def test_the_smaller_count_of_the_second_and_third_step_is_reported(counter):
    counter(900, 70, 30)
    diagnosis = diagnose(well(), batch(), LABELS, limits=Limits(page_faults=PAGES))
    assert codes(diagnosis) == [("page_faults", "")]
    (finding,) = diagnosis.findings
    assert (finding.value, finding.severity) == (30, "info")
    assert "takes 30 pages" in finding.message
    assert "snn_cpu.tune_allocator()" in finding.remedy


def test_fewer_than_the_limit_are_not(counter):
    counter(900, 0, 0)
    assert codes(diagnose(well(), batch(), LABELS, limits=Limits(page_faults=PAGES))) == []


def test_a_net_of_less_memory_takes_no_step_more(counter):
    count = counter()
    assert codes(diagnose(well(), batch(), LABELS, limits=Limits(page_faults=PAGES * 1.01))) == []
    assert count == []


def test_without_a_gradient_there_is_no_training_step(counter):
    counter()
    assert codes(diagnose(well().requires_grad_(False), batch(), limits=Limits(page_faults=PAGES))) == []


def test_nothing_is_reported_where_the_system_has_no_counts(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert codes(diagnose(well(), batch(), LABELS, limits=Limits(page_faults=0.0))) == []


def test_a_net_with_its_own_loop_takes_its_steps_by_it(counter):
    counter(0, 40, 40)
    lengths = []

    def run(net, xs):
        lengths.append(len(xs))
        return torch.stack([net(x) for x in xs])

    diagnosis = diagnose(well(), batch(), LABELS, run=run, limits=Limits(page_faults=PAGES))
    assert codes(diagnosis) == [("page_faults", "")]
    assert lengths == [STEPS] * 6  # two to compare samples, one to examine, three to count page faults


def test_net_and_random_numbers_stay_as_they_were(counter):
    counter(0, 40, 40)
    net = nn.Sequential(nn.Linear(4, 9), nn.BatchNorm1d(9), snn.Leaky(0.8, init_hidden=True), nn.Dropout(0.5))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    diagnose(net, batch(), limits=Limits(page_faults=1.0))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def halve(net, xs):
    return snn.unroll(net, xs.mul_(0.5))


def test_the_batch_stays_as_it_was_whatever_runs_the_net(counter):
    counter(0, 40, 40)
    xs = batch()
    diagnose(well(), xs, LABELS, run=halve, limits=Limits(page_faults=0.0))
    assert xs.equal(batch())


def test_a_batch_made_in_inference_mode_is_taken(counter):
    counter(0, 40, 40)
    with torch.inference_mode():
        xs = batch()
    assert codes(diagnose(well(), xs, LABELS, limits=Limits(page_faults=PAGES))) == [("page_faults", "")]


@pytest.mark.parametrize("frozen", [False, True])
def test_parameters_of_a_loss_get_no_gradient(counter, frozen):
    counter(0, 40, 40)
    read_out = nn.Linear(3, 2)
    net = well().requires_grad_(not frozen)
    diagnose(net, batch(), loss_fn=lambda spk, _: read_out(spk).square().mean(), limits=Limits(page_faults=0.0))
    assert read_out.weight.grad is None


PROGRAM = """
import torch, snn_core as snn
from torch import nn
from snn_functional import diagnose

torch.set_num_threads(1)
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(16, 2048), snn.Leaky(beta=0.9, init_hidden=True))
found = diagnose(net, torch.rand(100, 64, 16), loss_fn=lambda out, _: out.mean())
print([one.value for one in found.findings if one.code == "page_faults"])
"""
KEEPING = {"MALLOC_MMAP_THRESHOLD_": str(2**31 - 1), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}


@pytest.mark.parametrize("keeps", [False, True])
def test_memory_that_is_kept_has_no_page_faults(keeps):
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "LD_PRELOAD"))}
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=plain | (KEEPING if keeps else {}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    values = json.loads(process.stdout)
    if sys.platform == "linux":
        # 100 x 64 x 2048 numbers of 4 bytes are 12,800 pages
        assert values == [] if keeps else values[0] > 12_000
