"""Memory of tensors is counted as torch's allocator hands it out, wherever it is asked for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

import snn_core as snn
from snn_core.sequence.allocations import Section, mark, sections

from .peak import forward_and_backward, measured


def test_what_an_operation_takes_inside_counts_and_is_gone_after_it() -> None:
    x = torch.rand(100, 70)
    (found,), _ = sections(lambda: x.logsumexp(0))
    assert found.end == 0
    # its result is 70 numbers; inside, the exponential of every one of x is taken
    assert found.peak >= 4 * 100 * 70


def test_the_backward_pass_counts() -> None:
    x = torch.ones(1000, requires_grad=True)

    def work() -> None:
        out = (x * x).sum()
        mark("backward")
        out.backward()

    forward, backward = sections(work)[0]
    # the square and its sum; then for each factor the gradient, of which one is kept
    assert (forward.peak, forward.end) == (4 * 1001, 4)
    assert backward.end == 4 * 1000
    assert 4 * 2000 <= backward.peak <= 4 * 2000 + 8


def test_what_was_there_before_counts_nothing() -> None:
    held = torch.ones(1000)
    (found,), _ = sections(lambda: held.add_(1))
    assert found.peak < 100  # the number that is added


def test_what_is_left_counts_until_it_goes_in_a_later_section() -> None:
    held: list[Tensor] = []

    def work() -> None:
        held.append(torch.ones(256))
        mark("idle")
        mark("freed")
        held.clear()

    assert sections(work)[0] == [Section("start", 1024, 1024), Section("idle", 1024, 1024), Section("freed", 1024, 0)]


def test_an_error_comes_through_and_ends_the_recording() -> None:
    with pytest.raises(ZeroDivisionError):
        sections(lambda: 1 / 0)
    assert not torch.autograd._profiler_enabled()


@pytest.mark.filterwarnings("ignore:Warning. Profiler clears events:UserWarning")  # torch 2.10 says so of itself
def test_within_another_profiler_it_says_so_and_leaves_that_running() -> None:
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True):
        with pytest.raises(RuntimeError, match="one is recording already; plan outside of it"):
            sections(lambda: None)
        assert torch.autograd._profiler_enabled()


@pytest.mark.parametrize("how", [{}, {"chunk": 4}, {"schedule": "steps"}])
def test_the_peak_is_that_which_torchs_profiler_records(how: dict) -> None:
    net = nn.Sequential(
        nn.Conv1d(2, 5, 3),
        snn.Synaptic(alpha=0.8, beta=0.9, init_hidden=True),
        nn.Flatten(),
        nn.Linear(25, 3),
        snn.Leaky(beta=0.9, init_hidden=True, output=True),
    )
    xs = torch.rand(11, 3, 2, 7, requires_grad=True)
    forward_and_backward(net, xs, **how)  # makes what is made once a process

    expected = measured(net, xs, **how)
    found, _ = sections(lambda: forward_and_backward(net, xs, **how))
    assert max(section.peak for section in found) == pytest.approx(expected, rel=1e-3)
