"""The order of computation in a time step, from nodes and edges."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
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

    ``carriers`` are the nodes at the beginning of closing edges. ``silent`` lists the nodes to compute to know what the
    carriers send while everything with a state sends 0; nodes that send 0 are listed without sources.
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
    """Wire the nodes of a graph; ``stateful`` ones send 0 at rest, whatever they read.

    An edge that appears twice is read twice. A node that reads nothing is refused (NIR303), and so is a cycle in which
    no node keeps a state (NIR215).
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
    reads: dict[str, tuple[str, ...]] = {}
    waiting = list(needed)
    while waiting:
        name = waiting.pop()
        if name not in reads:
            reads[name] = () if name in zero else (*nodes[name].sources, *nodes[name].delayed)
            waiting += reads[name]
    try:
        return tuple(Wired(name, reads[name]) for name in TopologicalSorter(reads).static_order())
    except CycleError as error:
        problem = "its output depends on itself within one step"
        raise refusal("NIR215", f"node {error.args[1][0]!r}", problem) from None


def silence(
    wiring: Wiring, modules: Mapping[str, nn.Module], shapes: Mapping[str, tuple[int, ...]], example: Tensor
) -> dict[str, Tensor]:
    """Return the outputs of the carriers while everything with a state sends 0, for a batch of one, ``[1, ...]``."""
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
    return sum(terms[1:], terms[0])
