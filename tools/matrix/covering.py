"""Few sets of distributions in which any two meet in every way that their dependencies allow."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

Meeting = tuple[str, str, bool, bool]  # two names, and whether each is there


def meetings(chosen: Iterable[str], names: Iterable[str]) -> set[Meeting]:
    """Return for each two names, in alphabetical order, whether the one and whether the other is in a set.

    Example:
        >>> sorted(meetings(["a"], ["a", "b", "c"]))
        [('a', 'b', True, False), ('a', 'c', True, False), ('b', 'c', False, False)]
    """
    there = set(chosen)
    return {(a, b, a in there, b in there) for a, b in itertools.combinations(sorted(names), 2)}


def covering(sets: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """A few of some sets, such as those closed under dependencies, that hold every meeting that any of them holds.

    Greedy: each turn takes the set with most new meetings, of equal ones the smallest. Two names then occur together,
    neither of them, and each without the other, wherever that is possible at all.

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
