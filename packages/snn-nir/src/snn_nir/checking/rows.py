"""The rows of an advice: each layer of a net, its nodes, and whether a framework reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import nir

from snn_nir.checking.alternatives import better
from snn_nir.checking.called import Called
from snn_nir.checking.predicting import Effect
from snn_nir.checking.reads import NOT_READ, effects_of, reasons_of, verdict_of
from snn_nir.codes import NIRError
from snn_nir.exporting.export import to_nir
from snn_nir.exporting.modules import NORMS, WEIGHTED
from snn_nir.graphs.fields import type_name, walk


class Advised(NamedTuple):
    """The advice on one layer or neuron of a net, or on a function that its ``forward`` calls.

    Attributes:
        path: Its path in the net, or the name of the function; ``""`` for the net as a whole.
        layer: Its class; ``""`` for what is not a module.
        nodes: The types of its nodes in NIR; empty if it needs none, or if the export refuses it.
        verdict: ``"taken"``, ``"taken with a change"`` or ``"not read"``.
        why: What the target changes or does not read, or why the export refuses it.
        instead: What to use instead; ``""`` if snn has nothing that the target reads better.
    """

    path: str
    layer: str
    nodes: tuple[str, ...]
    verdict: str
    why: str
    instead: str

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table that is printed."""
        label = f"{self.path} ({self.layer})" if self.layer else self.path or "the net"
        return label, ", ".join(self.nodes) or "-", ": ".join(filter(None, self[3:5])), self.instead or "-"


def rows_of_graph(graph: nir.NIRGraph, called: Mapping[str, Called], target: str) -> list[Advised]:
    """Return the rows of a net that the export accepts, in the order of the calls; others come last."""
    effects = effects_of(graph, target)
    owners = {path: _owner(path, called) for path, _ in walk(graph)}
    names = dict.fromkeys([*called, *(owners[path] for path, node in walk(graph) if _computes(node))])
    names |= dict.fromkeys(owners[effect.node] for effect in effects)
    return [
        _row(
            name,
            called.get(name),
            [node for path, node in walk(graph) if owners[path] == name and _computes(node)],
            [effect for effect in effects if owners[effect.node] == name],
            target,
        )
        for name in names
    ]


def rows_of_layers(called: Mapping[str, Called], target: str, reset: str, refused: NIRError) -> list[Advised]:
    """Return the rows of a net that the export refuses: each layer as if it were alone, and the refusal."""
    rows: dict[str, Advised] = {}
    before: Any = None
    for name, call in called.items():
        folded = isinstance(call.module, NORMS) and isinstance(before, WEIGHTED)
        rows[name] = _row(name, call, [], [], target) if folded else _alone(call, target, reset)
        before = call.module
    where = refused.finding.where if refused.finding is not None else ""
    match = re.match(r"'([^']*)'", where)
    name = match[1] if match else ""
    if name not in rows or rows[name].nodes:
        kind = type(called[name].module).__name__ if name in called else ""
        rows[name] = _refused(name, kind, refused)
    return [*rows.values()]


def _alone(call: Called, target: str, reset: str) -> Advised:
    try:
        graph = to_nir(call.module, call.x, reset=reset)
    except NIRError as error:
        row = _refused(call.name, type(call.module).__name__, error)
        return row._replace(instead=better(call.module, call.x, NOT_READ, target) or row.instead)
    nodes = [node for _, node in walk(graph) if _computes(node)]
    return _row(call.name, call, nodes, effects_of(graph, target), target)


def _row(name: str, call: Called | None, nodes: Iterable[Any], effects: list[Effect], target: str) -> Advised:
    types = tuple(dict.fromkeys(type_name(node, name) for node in nodes))
    verdict = verdict_of(effects)
    instead = ""
    if call is not None and any(effect.verdict != "ties" for effect in effects):
        instead = better(call.module, call.x, verdict, target)
    kind = "" if call is None else type(call.module).__name__
    return Advised(name, kind, types, verdict, reasons_of(effects), instead)


def _refused(name: str, kind: str, error: NIRError) -> Advised:
    finding = error.finding
    message, remedy = (error.args[1], "") if finding is None else (finding.message, finding.remedy)
    return Advised(name, kind, (), NOT_READ, f"{error.code}: {message}", remedy)


def _computes(node: Any) -> bool:
    return not isinstance(node, nir.NIRGraph | nir.Input | nir.Output)


def _owner(path: str, called: Mapping[str, Called]) -> str:
    """Return the name of the layer that a node belongs to, or the node's own if there is none."""
    name = path.replace("/", ".")
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        prefix = ".".join(parts[:end])
        for layer in (prefix, re.sub(r"_\d+$", "", prefix)):  # a layer that is called again has a number
            if layer in called:
                return layer
    return name
