"""A list of the faults of a graph, and of what would be lost in other programs."""

from __future__ import annotations

from collections.abc import Iterator

import nir

from snn_nir.checking.predicting import TARGETS, predict
from snn_nir.codes import CODES, Finding, NIRError, finding, refusal
from snn_nir.files.writing import COMPAT, newer, unstorable
from snn_nir.graphs.fields import STATEFUL, graph_at, place, repeated_edges, walk
from snn_nir.graphs.metadata import gathered
from snn_nir.graphs.ordering import ordered
from snn_nir.graphs.shapes import infer
from snn_nir.graphs.values import bad_values

PROFILES = ("nir", COMPAT, *TARGETS)


def check(graph: nir.NIRGraph, profile: str = "nir") -> list[Finding]:
    """Check a graph, without running it.

    Args:
        graph: The graph.
        profile: ``"nir"`` for the rules that every graph must follow; ``"nir<=1.0.4"`` for the older format too; or the
            name of a framework that :func:`~snn_nir.predict` knows, to add what its importer does to the graph.

    Returns:
        The findings, errors first; empty if all is well.

    Raises:
        NIRError: ``NIR217`` for an unknown profile.

    Example:
        >>> import numpy as np
        >>> nodes = {"in": nir.Input(np.array([2])), "gain": nir.Scale(np.array([1.0, np.nan]))}
        >>> graph = nir.NIRGraph(nodes, [("in", "gane")], type_check=False)
        >>> [finding.code for finding in check(graph)]
        ['NIR203', 'NIR201', 'NIR207', 'NIR209']
    """
    if profile not in PROFILES:
        raise refusal("NIR217", "profile", repr(profile), f"use one of {', '.join(PROFILES)}")
    findings: list[Finding] = []
    try:
        findings += map(_error, unstorable(graph))
        findings += _structure(graph)
        whole = infer(graph)
    except NIRError as error:
        findings.append(_error(error))
        findings += _values_of(graph)
    else:
        findings += map(_error, bad_values(whole))
        findings += _elsewhere(whole, profile)
    unique = list(dict.fromkeys(findings))
    return [finding for severity in ("error", "warning") for finding in unique if finding.severity == severity]


def _error(error: NIRError) -> Finding:
    assert error.finding is not None
    return error.finding


def _warning(code: str, where: str, problem: str) -> Finding:
    return finding(code, where, problem, severity="warning")


def _values_of(graph: nir.NIRGraph) -> list[Finding]:
    try:
        return [_error(error) for error in bad_values(graph)]
    except (NIRError, TypeError, AttributeError):
        return []  # a value or field is missing, which the check of shapes has reported already


def _structure(graph: nir.NIRGraph) -> Iterator[Finding]:
    for where, node in walk(graph):
        if not isinstance(node, nir.NIRGraph):
            continue
        ends = {name for edge in node.edges for name in edge}
        for name in sorted(node.nodes.keys() - ends):
            yield _warning("NIR209", f"node {place(where, name)!r}", "no edge names it")
        for edge, problem in repeated_edges(node, where):
            yield _warning("NIR210", edge, problem)
        stateless = {name for name, inner in node.nodes.items() if not isinstance(inner, (*STATEFUL, nir.NIRGraph))}
        between = [(start, end) for start, end in node.edges if start in stateless and end in stateless]
        for start, end in sorted(ordered(stateless, between, ()).closing):
            yield finding("NIR215", f"{graph_at(where)}, edge {start!r} -> {end!r}", "this edge closes it")


def _elsewhere(whole: nir.NIRGraph, profile: str) -> Iterator[Finding]:
    if profile == COMPAT:
        yield from map(_error, newer(whole))
        if gathered(whole):
            yield _warning("NIR117", "graph", f"metadata of {len(gathered(whole))} nodes, which goes to a sidecar")
    elif profile in TARGETS:
        prediction = predict(whole, profile)
        for effect in prediction.effects:
            severity = "error" if effect.verdict == "refuses" else "warning"
            where = f"{profile} {prediction.release}, {effect.node or 'graph'}"
            message = f"{effect.verdict}: {effect.text}"
            yield Finding("NIR218", where, message, CODES["NIR218"].remedy, severity=severity)
