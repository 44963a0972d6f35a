"""Predictions of what other frameworks make of a graph, without running them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import nir

from snn_core.results import Line, Result
from snn_nir.codes import refusal
from snn_nir.graphs.fields import place, type_name
from snn_nir.graphs.ordering import ordered
from snn_nir.graphs.shapes import infer
from snn_nir.importing.conditions import CONDITIONS, Context
from snn_nir.importing.importers import IMPORTERS, Importer, Rule

TARGETS = tuple(IMPORTERS)
VERDICTS = ("same", "ties", "differs", "refuses")


class Effect(NamedTuple):
    """The effect of a target on one node.

    Attributes:
        node: Path of the node; ``""`` for the graph.
        verdict: ``"ties"`` if spikes differ only when a membrane equals its threshold exactly, ``"differs"`` or
            ``"refuses"``.
        text: The effect, in words.
    """

    node: str
    verdict: str
    text: str

    def __str__(self) -> str:
        return f"{self.node or 'graph'}: {self.verdict}: {self.text}"


class _Prediction(NamedTuple):
    target: str
    release: str
    effects: tuple[Effect, ...]


class Prediction(Result, _Prediction):
    """A prediction of how a target runs a graph.

    Attributes:
        target: Its name.
        release: The release that the table was made with.
        effects: The effects on the nodes that the target does not run as NIR defines them.
    """

    __slots__ = ()

    @property
    def verdict(self) -> str:
        """The worst of the effects, one of :data:`VERDICTS`; ``"same"`` if there are none."""
        return max((effect.verdict for effect in self.effects), key=VERDICTS.index, default="same")

    def _lines(self) -> list[Line]:
        return [f"{self.target} {self.release}: {self.verdict}", *(f"  {effect}" for effect in self.effects)]

    def to_dict(self) -> dict[str, Any]:
        """Return the prediction as JSON data, with its verdict."""
        return {**super().to_dict(), "verdict": self.verdict}


def predict(graph: nir.NIRGraph, target: str, *, dt: float = 1e-4) -> Prediction:
    """Predict how the importer of another framework reads a graph.

    ``"same"`` means the spikes of forward Euler with the reset that the graph states. The table behind it was made by
    running the named releases.

    Args:
        graph: The graph.
        target: ``"snntorch"``, ``"norse"``, ``"spikingjelly"``, ``"sinabs"`` or ``"rockpool"``.
        dt: Time step in seconds for the target, if it takes one.

    Returns:
        The effects on each node.

    Raises:
        NIRError: ``NIR217`` for an unknown target, ``NIR2xx`` if the graph is not valid.

    Example:
        >>> import numpy as np
        >>> one = np.ones(2)
        >>> lif = nir.LIF(tau=0.01 * one, r=one, v_leak=0 * one, v_threshold=one, v_reset=-one)
        >>> print(predict(nir.NIRGraph.from_list(lif), "norse"))
        norse 1.1.0: differs
          lif: differs: v_reset is ignored: reset to 0
    """
    importer = importer_of(target)
    effects = tuple(_effects(infer(graph), "", importer.rules, importer.dt or dt, nested=False))
    return Prediction(target, importer.release, effects)


def importer_of(target: str) -> Importer:
    """Return the entry of a target in the table of importers."""
    if target not in TARGETS:
        raise refusal("NIR217", "target", repr(target), f"use one of {', '.join(TARGETS)}")
    return IMPORTERS[target]


def _effects(graph: nir.NIRGraph, where: str, rules: tuple[Rule, ...], dt: float, *, nested: bool) -> Iterator[Effect]:
    inputs = [name for name, node in graph.nodes.items() if isinstance(node, nir.Input)]
    closing = ordered(graph.nodes, graph.edges, inputs).closing
    context = Context(graph, dt, frozenset(closing), nested)
    nodes: list[tuple[str, str, Any]] = [(name, place(where, name), node) for name, node in graph.nodes.items()]
    for name, path, node in [("", where, graph), *nodes]:
        if isinstance(node, nir.NIRGraph) and node is not graph:
            yield from _effects(node, path, rules, dt, nested=True)
            continue
        kind = "NIRGraph" if node is graph else type_name(node, path)
        for rule in rules:
            if kind in rule.nodes and CONDITIONS[rule.condition](node, name, context):
                yield Effect(path, rule.verdict, rule.text)
