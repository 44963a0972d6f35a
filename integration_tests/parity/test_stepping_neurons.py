"""Every stepping neuron against the peer's: spikes, states and all gradients, over every option that both have."""

from __future__ import annotations

import pytest
import snntorch as peer
import torch

import snn_core

from .cases import CASES, KINDS, Case, Kind
from .comparison import Draw, accepted, assert_same, clear_margin, draw, outcome, pair
from .exclusions import EXCLUDED, SHARED, Exclusion, reasons

FROM_REST, FROM_A_STATE = 0, 1


@pytest.mark.parametrize("parity", [FROM_REST, FROM_A_STATE], ids=["from rest", "from a state"])
@pytest.mark.parametrize("case", SHARED, ids=str)
def test_a_neuron_gives_the_peers_spikes_states_and_gradients(case: Case, parity: int) -> None:
    assert_same(*accepted(case, parity))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_draws_make_a_neuron_fire_and_be_silent(kind: Kind) -> None:
    case = next(case for case in SHARED if case.kind is kind)
    _, peer_net = pair(case, 0)
    rate = float(outcome(kind, peer_net, draw(case, 0), grad=False).spk.mean())
    assert 0.03 < rate < 0.8


def test_few_draws_are_discarded() -> None:
    seeds = range(2)
    clear = []
    for case in SHARED:
        for seed in seeds:
            torch.manual_seed(seed)
            clear.append(clear_margin(case, case.build(peer), draw(case, seed)))
    assert clear.count(False) < 0.05 * len(clear)


def test_every_exclusion_leaves_something_out_and_every_kind_keeps_something() -> None:
    assert all(any(exclusion.covers(case) for case in CASES) for exclusion in EXCLUDED)
    assert {case.kind for case in SHARED} == set(KINDS)


@pytest.mark.parametrize("exclusion", EXCLUDED, ids=str)
def test_excluded_cases_still_differ(exclusion: Exclusion) -> None:
    left_out = [case for case in CASES if reasons(case)[:1] == [exclusion]]
    assert left_out
    for case in left_out:
        if exclusion.raises is not None:
            net, peer_net = pair(case, 0)
            outcome(case.kind, net, draw(case, 0))
            with pytest.raises(exclusion.raises):
                outcome(case.kind, peer_net, draw(case, 0))
        else:
            assert any(differs(case, seed) for seed in range(0, 8, 2)), str(case)


def differs(case: Case, seed: int) -> bool:
    start = Draw(3 * draw(case, seed).xs, ())  # loud enough that neurons compete
    result, expected = (outcome(case.kind, neuron, start) for neuron in pair(case, seed))
    try:
        assert_same(result, expected)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("beta", [0.0, 0.8, 1.0, torch.linspace(0.1, 0.95, 5)], ids=["0", "0.8", "1", "per neuron"])
def test_a_read_out_is_the_membrane_of_the_peers_neuron_without_reset(beta: float | torch.Tensor) -> None:
    other = peer.Leaky(beta=beta, threshold=1e9, reset_mechanism="none", learn_beta=True)
    readout = snn_core.Readout(beta, learn_beta=True)
    xs, weights = torch.randn(2, 11, 3, 5)
    mem, mems = other.init_leaky(), []
    for x in xs:
        _, mem = other(x, mem)
        mems.append(mem)
    expected, membranes = torch.stack(mems), snn_core.unroll(readout, xs)
    torch.testing.assert_close(membranes, expected)
    for out in (expected, membranes):
        (out * weights).sum().backward()
    # at the ends of [0, 1] the gradient of the peer depends on the version of torch; ours is that of the inside
    inside = (readout.beta > 0) & (readout.beta < 1)
    torch.testing.assert_close(readout.beta.grad * inside, other.beta.grad * inside)
