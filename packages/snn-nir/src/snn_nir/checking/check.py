"""A list of the faults of a graph, and of what would be lost in other programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import nir

from snn_nir.checking.predicting import TARGETS, predict
from snn_nir.codes import CODES, Finding, NIRError, finding, refusal
from snn_nir.files.sidecar import check_metadata, check_name, gathered
from snn_nir.files.writing import COMPAT, check_older_format
from snn_nir.graphs.fields import graph_at, missing_ports, place
from snn_nir.graphs.ordering import ordered
from snn_nir.graphs.shapes import infer
from snn_nir.graphs.values import bad_values

PROFILES = ("nir", COMPAT, *TARGETS)

_STATEFUL = (nir.I, nir.IF, nir.LI, nir.LIF, nir.CubaLI, nir.CubaLIF, nir.Delay, nir.NIRGraph)


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
    findings = [*_structure(graph, ""), *_storage(graph, "")]
    try:
        whole = infer(graph)
    except NIRError as error:
        findings.append(_error(error))
        findings += _values_of(graph)
    else:
        findings += [_error(error) for error in bad_values(whole)]
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


def _structure(graph: nir.NIRGraph, where: str) -> Iterator[Finding]:
    here = graph_at(where)
    yield from map(_error, missing_ports(graph, where))
    ends = {name for edge in graph.edges for name in edge}
    for name in sorted(graph.nodes.keys() - ends):
        yield _warning("NIR209", f"node {place(where, name)!r}", "no edge names it")
    for (start, end), count in Counter((start, end) for start, end in graph.edges).items():
        if count > 1:
            yield _warning("NIR210", f"{here}, edge {start!r} -> {end!r}", f"{count} edges")
    stateless = {name for name, node in graph.nodes.items() if not isinstance(node, _STATEFUL)}
    between = [(start, end) for start, end in graph.edges if start in stateless and end in stateless]
    for start, end in sorted(ordered(stateless, between, ()).closing):
        yield finding("NIR215", f"{here}, edge {start!r} -> {end!r}", "this edge closes it")
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            yield from _structure(node, place(where, name))


def _storage(graph: nir.NIRGraph, where: str) -> Iterator[Finding]:
    here = graph_at(where)
    yield from _refusal_of(check_metadata, getattr(graph, "metadata", None) or {}, here)
    for name, node in graph.nodes.items():
        yield from _refusal_of(check_name, name, f"{here}, node")
        if isinstance(node, nir.NIRGraph):
            yield from _storage(node, place(where, name))
        else:
            metadata = getattr(node, "metadata", None) or {}
            yield from _refusal_of(check_metadata, metadata, f"node {place(where, name)!r}")


def _refusal_of(checker: Callable[[Any, str], None], value: Any, where: str) -> Iterator[Finding]:
    try:
        checker(value, where)
    except NIRError as error:
        yield _error(error)


def _elsewhere(whole: nir.NIRGraph, profile: str) -> Iterator[Finding]:
    if profile == COMPAT:
        yield from _refusal_of(lambda graph, _: check_older_format(graph), whole, "")
        if gathered(whole):
            yield _warning("NIR117", "graph", f"metadata of {len(gathered(whole))} nodes, which goes to a sidecar")
    elif profile in TARGETS:
        prediction = predict(whole, profile)
        for effect in prediction.effects:
            severity = "error" if effect.verdict == "refuses" else "warning"
            where = f"{profile} {prediction.release}, {effect.node or 'graph'}"
            message = f"{effect.verdict}: {effect.text}"
            yield Finding("NIR218", where, message, CODES["NIR218"].remedy, severity=severity)
