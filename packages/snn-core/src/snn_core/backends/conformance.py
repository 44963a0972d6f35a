"""Tests that any target must pass: ``python -m snn_core.backends.conformance NAME``."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from snn_core.backends.registry import get, names
from snn_core.backends.target import Availability, BackendError, Issue, Target
from snn_core.effects.random_states import RandomStates
from snn_core.neurons.leaky import Leaky
from snn_core.neurons.synaptic import Synaptic
from snn_core.sequence.unrolling import unroll


def failures(target: Target) -> list[str]:
    """List the promises that a target breaks; the list is empty for a target that conforms.

    Args:
        target: The target. If it is not available here, only what needs no device is tested.

    Returns:
        One sentence for each broken promise.

    Example:
        >>> from snn_core.backends.loopback import Loopback
        >>> failures(Loopback())
        []
    """
    return [failure for test in _TESTS for failure in _guarded(test, target)]


def main(arguments: list[str]) -> int:
    """Test the target named on the command line; return 0 if it conforms, 1 if not, 2 if it cannot be found."""
    if len(arguments) != 1:
        print(
            f"usage: python -m snn_core.backends.conformance NAME   (installed: {', '.join(names())})", file=sys.stderr
        )
        return 2
    try:
        target = get(arguments[0])
    except (ValueError, BackendError) as error:
        print(error, file=sys.stderr)
        return 2
    problems = failures(target)
    for failure in problems:
        print(f"FAILED  {failure}")
    state = target.availability()
    print(f"{arguments[0]}: {len(problems)} failures; {'run' if state.ok else 'checked only, not run'}: {state.reason}")
    return 1 if problems else 0


def _guarded(test: Callable[[Target], Iterator[str]], target: Target) -> list[str]:
    try:
        return list(test(target))
    except Exception as error:  # a target may raise anything; that is itself a failure
        return [f"{test.__doc__} {type(error).__name__}: {error}"]


def _net() -> tuple[nn.Module, Tensor]:
    with RandomStates():
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Linear(7, 5),
            Leaky(beta=0.9, init_hidden=True),
            nn.Linear(5, 3),
            Synaptic(alpha=0.5, beta=0.75, reset_mechanism="zero", init_hidden=True, output=True),
        )
        return net, torch.rand(11, 3, 7) * 2


def _states_availability(target: Target) -> Iterator[str]:
    """Check that availability() returns an Availability with a reason."""
    state = target.availability()
    if not isinstance(state, Availability) or not state.reason:
        yield f"availability() must return an Availability with a reason, got {state!r}"


def _checks_without_touching(target: Target) -> Iterator[str]:
    """Check that check() returns a list of issues and leaves the net alone."""
    net, xs = _net()
    before = copy.deepcopy(net.state_dict())
    issues = target.check(net, xs)
    if not isinstance(issues, list) or not all(isinstance(i, Issue) and i.message and i.remedy for i in issues):
        yield f"check() must return a list of Issues with message and remedy, got {issues!r}"
    if any(not value.equal(before[key]) for key, value in net.state_dict().items()):
        yield "check() must leave the net's parameters alone"


def _equals_unroll(target: Target) -> Iterator[str]:
    """Check that compile() gives what unroll gives, in every call."""
    net, xs = _net()
    if not target.availability().ok or target.check(net, xs):
        return
    with torch.no_grad():
        expected, run = unroll(net, xs), target.compile(net, xs)
        first, again = run(xs), run(xs)
    if len(first) != len(expected) or not first[0].equal(expected[0]):
        yield "compile() must give the spikes that unroll gives"
    elif not all(torch.allclose(a, b, atol=1e-5) for a, b in zip(first, expected, strict=True)):
        yield "compile() must give the states that unroll gives, to 1e-5"
    if not all(a.equal(b) for a, b in zip(first, again, strict=True)):
        yield "a compiled net must start every call from rest: a second call gave other outputs"


def _refuses_unknown_options(target: Target) -> Iterator[str]:
    """Check that compile() raises a TypeError for an option that it does not know."""
    net, xs = _net()
    if not target.availability().ok:
        return
    try:
        target.compile(net, xs, surely_no_option_of_this_name=1)
    except TypeError:
        return
    yield "compile() must raise a TypeError for an option that it does not know"


_TESTS = (_states_availability, _checks_without_touching, _equals_unroll, _refuses_unknown_options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
