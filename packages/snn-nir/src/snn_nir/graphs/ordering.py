"""The order in which nodes run in a time step, and the edges that carry values of the previous step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Order(NamedTuple):
    """Nodes from inputs to outputs, and the edges that close a cycle."""

    nodes: tuple[str, ...]
    closing: frozenset[tuple[str, str]]


def ordered(nodes: Iterable[str], edges: Sequence[tuple[str, str]], inputs: Iterable[str]) -> Order:
    """Order the nodes of a graph so that each runs after those that it reads, except along edges that close a cycle.

    The closing edges are the back edges of a depth-first search that starts at the inputs and takes nodes in the order
    of their names. If every cycle is entered at one node, as in a layer with a recurrent weight, they lead back to
    that node, whatever the names. The order of nodes or edges does not matter, as a NIR file does not keep it.
    """
    readers: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in sorted(set(edges)):
        readers[source].append(target)
    finished: list[str] = []
    closing: set[tuple[str, str]] = set()
    entered: set[str] = set()
    for root in (*sorted(inputs), *sorted(readers)):
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
