"""The order in which nodes run in a time step, and the edges that carry values of the previous step."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import NamedTuple


class Order(NamedTuple):
    """Nodes from inputs to outputs, and the edges that close a cycle."""

    nodes: tuple[str, ...]
    closing: frozenset[tuple[str, str]]


def ordered(nodes: Iterable[str], edges: Sequence[tuple[str, str]], inputs: Iterable[str]) -> Order:
    """Order the nodes of a graph so that each runs after those that it reads, except along edges that close a cycle.

    The closing edges are the back edges of a depth-first search that starts at the inputs and takes nodes in the order
    of their names. If every cycle is entered at one node, as in a layer with a recurrent weight, they lead back to
    that node, whatever the names. If cycles are entered at several nodes, as in a recurrent layer whose neurons have
    two currents, a back edge may lead from one of these to a node behind them; the closing edges are then all those
    that lead back to where the cycles are entered. The order of nodes or edges does not matter, as a NIR file does not
    keep it.
    """
    readers: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in sorted(set(edges)):
        readers[source].append(target)
    roots = (*sorted(inputs), *sorted(readers))
    searched = _searched(readers, roots)
    parts = _parts(readers, searched.nodes)
    entries = {t for s, targets in readers.items() for t in targets if parts[s] != parts[t]}
    back = {(s, t) for s, targets in readers.items() for t in targets if t in entries and parts[s] == parts[t]}
    if back <= searched.closing:
        return searched
    otherwise = back | _searched(_without(readers, back), roots).closing
    closing: set[tuple[str, str]] = set()
    for part in {parts[source] for source, _ in otherwise}:
        choices = [{edge for edge in chosen if parts[edge[0]] == part} for chosen in (searched.closing, otherwise)]
        closing |= min(choices, key=lambda chosen: len({target for _, target in chosen} - entries))
    return Order(_searched(_without(readers, closing), roots).nodes, frozenset(closing))


def _searched(readers: Mapping[str, Sequence[str]], roots: Iterable[str]) -> Order:
    """Return the order of a depth-first search from the roots, and its back edges."""
    finished: list[str] = []
    closing: set[tuple[str, str]] = set()
    entered: set[str] = set()
    for root in roots:
        if root in entered:
            continue
        entered.add(root)
        path, onward = {root: None}, [iter(readers[root])]
        while onward:
            here = next(reversed(path))
            for target in onward[-1]:
                if target in path:
                    closing.add((here, target))
                elif target not in entered:
                    entered.add(target)
                    path[target] = None
                    onward.append(iter(readers[target]))
                    break
            else:
                onward.pop()
                finished.append(here)
                del path[here]
    return Order(tuple(reversed(finished)), frozenset(closing))


def _parts(readers: Mapping[str, Sequence[str]], nodes: Sequence[str]) -> dict[str, str]:
    """Return a name for each node that it shares with the nodes on its cycles; ``nodes`` is the order of a search."""
    sources: dict[str, list[str]] = {name: [] for name in readers}
    for source, targets in readers.items():
        for target in targets:
            sources[target].append(source)
    parts: dict[str, str] = {}
    for root in nodes:
        waiting = [root]
        while waiting:
            here = waiting.pop()
            if here not in parts:
                parts[here] = root
                waiting += sources[here]
    return parts


def _without(readers: Mapping[str, Sequence[str]], edges: Container[tuple[str, str]]) -> dict[str, list[str]]:
    return {source: [t for t in targets if (source, t) not in edges] for source, targets in readers.items()}
