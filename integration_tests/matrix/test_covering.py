"""Any two packages meet in every way that is possible, in few sets."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closure import closure
from matrix.covering import covering, meetings
from subsets import closed_subsets
from workspace import PROJECTS

NEEDS = {name: closure(name) - {name} for name in PROJECTS}


def ways(sets, left, right):
    """In which ways two names meet: together, only the one, only the other, neither."""
    return {(left in chosen, right in chosen) for chosen in sets}


@pytest.mark.parametrize(("left", "right"), list(itertools.combinations(sorted(PROJECTS), 2)))
def test_two_packages_meet_in_every_way_that_their_dependencies_allow(left: str, right: str):
    sets = closed_subsets(NEEDS)
    assert ways(covering(sets), left, right) == ways(sets, left, right)


def test_a_package_is_never_there_without_what_it_needs():
    for chosen in covering(closed_subsets(NEEDS)):
        assert closure(*chosen) == {*chosen}


def test_the_sets_are_far_fewer_than_all_of_them():
    sets = closed_subsets(NEEDS)
    assert len(sets) > 100
    assert len(covering(sets)) < 16


@settings(max_examples=50, derandomize=True, deadline=None, database=None)
@given(st.lists(st.sets(st.sampled_from("abcde"), min_size=1).map(lambda s: tuple(sorted(s))), min_size=1, unique=True))
def test_the_chosen_sets_hold_every_meeting_of_any_sets(sets):
    names = {name for chosen in sets for name in chosen}
    assert set().union(*(meetings(c, names) for c in covering(sets))) == set().union(
        *(meetings(c, names) for c in sets)
    )


def test_no_sets_give_no_choice():
    assert covering([]) == []
