"""A NIR graph while it is being drawn: names, edges, sums, shared parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import nir
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import type_before_parametrizations

from snn_nir.codes import refusal
from snn_nir.exporting.settings import Settings
from snn_nir.graphs.fields import assembled
from snn_nir.graphs.flattening import GraphPlace
from snn_nir.graphs.metadata import node_metadata, read_metadata
from snn_nir.graphs.values import array_of


class Signal(NamedTuple):
    """A value of one time step: the sum of the outputs of some nodes."""

    sources: tuple[str, ...]  # names of the nodes; one that appears twice counts twice
    shape: tuple[int, ...]  # without the batch axis
    dtype: torch.dtype  # of the value in the network

    def plus(self, other: Signal) -> Signal:
        """Return the sum of two signals, with the shape and dtype of this one."""
        return self._replace(sources=self.sources + other.sources)


def node_name(path: str, module: nn.Module) -> str:
    """Return the name of a module's node: the path of the module or, for the net itself, its class."""
    return path or type_before_parametrizations(module).__name__.lower()


def port(kind: str, shape: tuple[int, ...]) -> Any:
    """Return an ``"Input"`` or ``"Output"`` for signals of a shape."""
    return assembled(kind, {"shape": np.array(shape, dtype=int)}, {})


def stored(value: Tensor, dtype: torch.dtype | None = None) -> np.ndarray:
    """Return a tensor as a field of a node: float64 if its dtype, or ``dtype`` if passed, is float64, else float32."""
    wide = (value.dtype if dtype is None else dtype) == torch.float64
    return array_of(value, torch.float64 if wide else torch.float32).copy()


def field_type(dtype: torch.dtype) -> type[np.floating]:
    """Return the type of the fields of nodes for a dtype of the network."""
    return np.float64 if dtype == torch.float64 else np.float32


class Drawing:
    """The nodes and edges drawn so far."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.notes: list[tuple[str, str, str]] = []  # warnings for the complete graph: code, place, text
        self.places: dict[str, GraphPlace] = {}  # in nested graphs; empty if there are none
        self._taken: set[str] = set()
        self._reserved: set[str] = set()
        self._places: dict[tuple[int, str], str] = {}

    def reserve(self, names: Iterable[str]) -> None:
        """Keep the names of an earlier graph for its nodes, even if two differ only in dots and blanks."""
        self._reserved = set(names)
        self._taken |= set(map(_plain, self._reserved))

    def name(self, base: str) -> str:
        """Return a name that no node has yet, even if dots and blanks are replaced by underscores."""
        base = base.replace("/", "_")
        if base in self._reserved:
            self._reserved.remove(base)
            return base
        name, count = base, 1
        while _plain(name) in self._taken:
            count += 1
            name = f"{base}_{count}"
        self._taken.add(_plain(name))
        return name

    def add(self, base: str, node: Any, *inputs: Signal) -> str:
        """Add a node with its incoming edges under a unique name, and return the name; several inputs are summed."""
        name = self.name(base)
        self.nodes[name] = node
        for signal in inputs:
            self.connect(signal, name)
        return name

    def connect(self, signal: Signal, name: str) -> None:
        """Add a signal to the sum that a node reads."""
        for source, count in Counter(signal.sources).items():
            if count > 1:  # the same edge twice would count twice, but nir refuses it
                times = np.full(signal.shape, count, field_type(signal.dtype))
                source = self.add(f"{source}.times{count}", nir.Scale(times), signal._replace(sources=(source,)))
            self.edges.append((source, name))

    def share(self, name: str, **parameters: Any) -> None:
        """Note which fields of a node are parameters that an earlier node has in the same field."""
        shared = {}
        for field, value in parameters.items():
            if isinstance(value, nn.Parameter):
                first = self._places.setdefault((id(value), field), name)
                if first != name:
                    shared[field] = first
        if shared:
            entries = {**read_metadata(self.nodes[name]), "shared_with": shared}
            self.nodes[name].metadata = node_metadata(**entries)

    def unshare(self, name: str) -> None:
        """Forget that a node's fields are parameters, because they no longer are."""
        self._places = {place: first for place, first in self._places.items() if first != name}

    def leave_out(self, code: str, where: str, what: str, remedy: str | None = None) -> str | None:
        """Refuse what NIR cannot express, or leave it out with a note, and return an entry for the metadata, if any."""
        if self.settings.on_unsupported == "error":
            raise refusal(code, where, what, remedy)
        self.notes.append(("NIR407", where, what))
        return what if self.settings.on_unsupported == "metadata" else None

    def prune(self) -> None:
        """Remove nodes from which no Output can be reached."""
        nested = {name for name, place in self.places.items() if place.graphs}
        kept = {name for name, node in self.nodes.items() if isinstance(node, nir.Output | nir.Input)} - nested
        waiting = [name for name in kept if isinstance(self.nodes[name], nir.Output)]
        while waiting:
            end = waiting.pop()
            before = {start for start, to in self.edges if to == end} - kept
            kept |= before
            waiting += before
        self.nodes = {name: node for name, node in self.nodes.items() if name in kept}
        self.edges = [(start, end) for start, end in self.edges if start in kept and end in kept]


def _plain(name: str) -> str:
    return name.replace(".", "_").replace(" ", "_")
