"""Memory of tensors is counted as torch's allocator hands it out, wherever it is asked for."""

from __future__ import annotations

import gc

import pytest
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

import snn_core as snn
from snn_core.sequence.memory_plan import usage

from .peak import loss_of, measured


def nothing(_: object) -> None: ...


def test_memory_used_inside_an_operation_counts_and_is_free_after_it() -> None:
    x = torch.rand(100, 70)
    used = usage(lambda: x.logsumexp(0), nothing)
    assert used.outputs == used.stored == 4 * 70
    # inside, the exponential of every number of x is taken
    assert used.peak >= 4 * 100 * 70


def test_the_backward_pass_counts() -> None:
    x = torch.ones(1000, requires_grad=True)
    forward = usage(lambda: (x * x).sum(), nothing)
    # the square and its sum; then the gradient for each factor
    assert (forward.outputs, forward.stored, forward.peak) == (4, 4, 4 * 1001)
    assert 4 * 2000 <= usage(lambda: (x * x).sum(), Tensor.backward).peak <= 4 * 2000 + 8


def test_memory_from_before_does_not_count() -> None:
    held = torch.ones(1000)
    used = usage(lambda: held.add_(1), nothing)
    assert used.stored == 0
    assert used.peak < 100  # the number that is added


def test_memory_that_stays_counts_until_it_is_freed() -> None:
    held: list[Tensor] = []

    def forward() -> tuple[()]:
        held.append(torch.ones(256))
        return ()

    def backward(_: object) -> None:
        held.clear()
        held.append(torch.ones(192))

    assert usage(forward, backward)[:3] == (0, 1024, 1024)


class Garbage:
    """A tensor that only the collector of garbage frees."""

    def __init__(self) -> None:
        self.itself, self.tensor = self, torch.ones(1000)


@pytest.mark.parametrize("collects", [True, False])
def test_garbage_from_before_does_not_count(collects: bool) -> None:
    before = gc.isenabled(), gc.get_threshold()
    try:
        gc.set_threshold(2000)
        (gc.enable if collects else gc.disable)()
        gc.collect()
        usage(lambda: Garbage() and (), nothing)  # while it is counted, or torch would not know how much goes with it
        used = usage(lambda: [torch.ones(500) for _ in [[] for _ in range(5000)][:9]], nothing)
        assert used.peak == 9 * 4 * 500
        assert gc.isenabled() == collects
    finally:
        gc.set_threshold(*before[1])
        (gc.enable if before[0] else gc.disable)()


def test_an_error_is_passed_on_and_ends_the_recording() -> None:
    with pytest.raises(ZeroDivisionError):
        usage(lambda: 1 / 0, nothing)
    assert not torch.autograd._profiler_enabled()


def test_within_another_profiler_it_says_so_and_leaves_that_running() -> None:
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True):
        with pytest.raises(RuntimeError, match="one is recording already; plan outside of it"):
            usage(tuple, nothing)
        assert torch.autograd._profiler_enabled()


@pytest.mark.parametrize("options", [{}, {"chunk": 4}, {"schedule": "steps"}])
def test_the_peak_is_that_which_torchs_profiler_records(options: dict) -> None:
    net = nn.Sequential(
        nn.Conv1d(2, 5, 3),
        snn.Synaptic(alpha=0.8, beta=0.9, init_hidden=True),
        nn.Flatten(),
        nn.Linear(25, 3),
        snn.Leaky(beta=0.9, init_hidden=True, output=True),
    )
    xs = torch.rand(11, 3, 2, 7, requires_grad=True)
    measured(net, xs, **options)  # makes what is made once

    expected = measured(net, xs, **options)
    used = usage(lambda: snn.unroll(net, xs, **options), lambda out: loss_of(out).backward())
    assert used.peak == pytest.approx(expected, rel=1e-3)
