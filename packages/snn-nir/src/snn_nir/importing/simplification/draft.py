"""A flat graph while neurons replace its nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import nn

from snn_nir.graphs.flattening import Flat
from snn_nir.graphs.metadata import read_metadata
from snn_nir.graphs.ordering import ordered
from snn_nir.importing.simplification.unit import Unit


class Draft:
    """Nodes of a flat graph still to be built, modules built already, and the edges between them."""

    def __init__(self, flat: Flat) -> None:
        self.nodes: dict[str, Any] = dict(flat.nodes)
        self.edges: list[tuple[str, str]] = list(flat.edges)
        self._inputs = [name for name, place in flat.places.items() if place.kind == "Input" and not place.graphs]
        self.closing: set[tuple[str, str]] = set(ordered(flat.nodes, flat.edges, self._inputs).closing)
        self.modules: dict[str, nn.Module] = {}  # neurons that replace nodes
        self.taps: dict[str, int] = {}  # names for several outputs of one neuron, each with its place
        self.absorbed: dict[str, nn.Module] = {}  # parts of neurons that hold the parameters of a former node
        self.shapes: dict[str, tuple[int, ...]] = {}  # of the outputs of neurons and taps
        self._places = flat.places

    def readers(self, name: str) -> list[str]:
        """Return the ends of the edges from a node."""
        return [target for source, target in self.edges if source == name]

    def sources(self, name: str) -> list[str]:
        """Return the starts of the edges to a node."""
        return [source for source, target in self.edges if target == name]

    def of_type(self, names: Iterable[str], *kinds: type) -> list[str]:
        """Return, sorted, the names among ``names`` that are nodes of these types."""
        return sorted(n for n in set(names) if isinstance(self.nodes.get(n), kinds))

    def group(self, name: str) -> str:
        """Return the path of the neuron that a node was part of, which is its own name if nothing is recorded."""
        group = read_metadata(self.nodes[name]).get("group")
        return name if group is None else ".".join([*self._places[name].graphs, str(group)])

    def values(self, name: str, field: str) -> np.ndarray:
        """Return a field of a node, as float64."""
        return np.asarray(getattr(self.nodes[name], field), dtype=np.float64)

    def keeps_cycles(self) -> bool:
        """Return True if cycles are still closed where they were, in spite of the new names of nodes."""
        names = [*self.nodes, *self.modules, *self.taps]
        return ordered(names, self.edges, self._inputs).closing == self.closing

    def outlets(self, unit: Unit) -> dict[str, int]:
        """Return the nodes of a unit that others read, at least one, with their place among the neuron's outputs."""
        first = unit.spk or unit.mem
        read = {name: place for name, place in unit.ports.items() if set(self.readers(name)) - unit.members}
        return read or {first: unit.ports[first]}

    def replace(self, unit: Unit, outlets: dict[str, int], module: Any, before: nn.Module | None) -> None:
        """Replace the nodes of a unit by a neuron, whose input goes through the module ``before`` if there is one."""
        shape = tuple(int(n) for n in self.nodes[unit.entry].output_type["output"])
        members = unit.members
        for member in members:
            del self.nodes[member]
        name = self._free(unit.name)
        named = {outlet: self._free(outlet) if outlet != name else self._free(f"{name}.out") for outlet in outlets}
        if not module.output:
            named = dict.fromkeys(outlets, name)
        into = name
        if before is not None:
            into = self._free(f"{name}.gain")
            self.modules[into], self.shapes[into] = before, shape
        edges, closing = [], set()
        for source, target in self.edges:
            inside = source in members and target in members
            # one of several edges that the neuron merges
            doubled = (target in members and target != unit.entry) or (source in members and source not in named)
            if inside or doubled:
                continue
            edge = named.get(source, source), into if target in members else target
            edges.append(edge)
            closing |= {edge} if (source, target) in self.closing else set()
        if before is not None:
            edges.append((into, name))
        self.modules[name], self.shapes[name] = module, shape
        for outlet, tap in named.items():
            if tap != name:
                edges.append((name, tap))
                self.taps[tap], self.shapes[tap] = outlets[outlet], shape
        self.edges, self.closing = edges, closing

    def _free(self, name: str) -> str:
        while name in self.nodes or name in self.modules or name in self.taps:
            name += "_"
        return name
