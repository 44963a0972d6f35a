"""Choose a few sets of distributions in which any two are combined in every way that their dependencies allow."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

Meeting = tuple[str, str, bool, bool]  # two names, and whether each is in a set


def meetings(chosen: Iterable[str], names: Iterable[str]) -> set[Meeting]:
    """Return, for every two names in alphabetical order, whether each of them is in a set.

    Example:
        >>> sorted(meetings(["a"], ["a", "b", "c"]))
        [('a', 'b', True, False), ('a', 'c', True, False), ('b', 'c', False, False)]
    """
    there = set(chosen)
    return {(a, b, a in there, b in there) for a, b in itertools.combinations(sorted(names), 2)}


def covering(sets: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Choose a few sets, for example of those closed under dependencies, that cover every meeting that any of them has.

    The choice is greedy: each round takes the set with the most new meetings, or the smallest such set. For every two
    names, the chosen sets then include one with both, one with neither, and one with each alone, where possible.

    Example:
        >>> covering([("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c"), ("a", "b", "c")])
        [('a',), ('b',), ('c',), ('a', 'b', 'c')]
    """
    names = sorted({name for chosen in sets for name in chosen})
    held = {chosen: meetings(chosen, names) for chosen in sets}
    missing: set[Meeting] = set().union(*held.values())
    results = []
    while missing:
        best = max(sets, key=lambda chosen: (len(held[chosen] & missing), -len(chosen)))
        results.append(best)
        missing -= held[best]
    return results
