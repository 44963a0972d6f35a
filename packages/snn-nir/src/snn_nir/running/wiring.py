"""The order of computation in a time step, from nodes and edges."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from snn_nir.codes import refusal
from snn_nir.graphs.ordering import ordered
from snn_nir.primitives import Threshold


class Wired(NamedTuple):
    """A node, the nodes that it reads, and those whose output of the previous step it reads."""

    name: str
    sources: tuple[str, ...]
    delayed: tuple[str, ...] = ()


class Wiring(NamedTuple):
    """The nodes of a graph in the order in which they run.

    ``carriers`` are the nodes at the beginning of closing edges. ``silent`` lists the nodes to compute to find what
    they send in silence, while everything with a state sends 0; the nodes that send 0 come without sources.
    """

    nodes: tuple[Wired, ...]
    carriers: tuple[str, ...]
    silent: tuple[Wired, ...]

    @property
    def closing(self) -> str:
        """The closing edges, as text."""
        return ", ".join(f"{source} -> {node.name}" for node in self.nodes for source in node.delayed)


def wired(
    names: Iterable[str], edges: Sequence[tuple[str, str]], inputs: Collection[str], stateful: Collection[str]
) -> Wiring:
    """Wire the nodes of a graph.

    Args:
        names: All nodes.
        edges: Pairs of names; one that appears twice is read twice.
        inputs: The Input nodes.
        stateful: The nodes that send 0 at rest, whatever they read.

    Raises:
        NIRError: NIR303 if a node reads nothing, NIR215 if no node of a cycle keeps a state.

    Example:
        >>> edges = [("in", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "out")]
        >>> wiring = wired(["in", "lif", "w_rec", "out"], edges, ["in"], ["lif"])
        >>> wiring.nodes[1]
        Wired(name='lif', sources=('in',), delayed=('w_rec',))
        >>> [node.name for node in wiring.silent]
        ['lif', 'w_rec']
    """
    order = ordered(names, edges, inputs)
    into: dict[str, list[str]] = {name: [] for name in order.nodes}
    for source, target in sorted(edges):
        into[target].append(source)
    nodes = {}
    for name in order.nodes:
        if not into[name] and name not in inputs:
            raise refusal("NIR303", f"node {name!r}", "no edge leads to it")
        delayed = tuple(s for s in into[name] if (s, name) in order.closing)
        nodes[name] = Wired(name, tuple(s for s in into[name] if (s, name) not in order.closing), delayed)
    carriers = tuple(sorted({source for source, _ in order.closing}))
    return Wiring(tuple(nodes.values()), carriers, _silent(nodes, carriers, {*inputs, *stateful}))


def _silent(nodes: dict[str, Wired], needed: Iterable[str], zero: set[str]) -> tuple[Wired, ...]:
    done: dict[str, Wired] = {}
    open_: set[str] = set()
    pending = [(name, False) for name in needed]
    while pending:
        name, left = pending.pop()
        sources = (*nodes[name].sources, *nodes[name].delayed)
        if left:
            open_.discard(name)
            done[name] = Wired(name, sources)
        elif name in zero:
            done.setdefault(name, Wired(name, ()))
        elif name in open_:
            raise refusal("NIR215", f"node {name!r}", "its output depends on itself within one step")
        elif name not in done:
            open_.add(name)
            pending.append((name, True))
            pending += [(source, False) for source in sources]
    return tuple(done.values())


def silence(
    wiring: Wiring, modules: Mapping[str, nn.Module], shapes: Mapping[str, tuple[int, ...]], example: Tensor
) -> dict[str, Tensor]:
    """Return the outputs of the nodes at closing edges while everything with a state sends 0, for a batch of one.

    Returns:
        ``[1, ...]`` for each of ``wiring.carriers``.
    """
    values: dict[str, Tensor] = {}
    for node in wiring.silent:
        if not node.sources:
            values[node.name] = example.new_zeros(1, *shapes[node.name])
            continue
        total, module = summed([values[source] for source in node.sources]), modules.get(node.name)
        if isinstance(module, Threshold):
            values[node.name] = module.step(total)[0]
        else:
            values[node.name] = total if module is None else module(total)
    return {name: values[name] for name in wiring.carriers}


def summed(terms: list[Tensor]) -> Tensor:
    """Return the sum of one tensor or several, from first to last."""
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
