"""Verdicts on whether a framework reads a node, from what is predicted of it."""

from __future__ import annotations

from collections.abc import Iterable

import nir

from snn_nir.checking.predicting import Effect, predict
from snn_nir.graphs.fields import walk
from snn_nir.graphs.metadata import read_metadata
from snn_nir.importing.importers import LEFT_OUT

TAKEN, CHANGED, NOT_READ = RANKS = ("taken", "taken with a change", "not read")
_FIRES = (nir.LIF, nir.IF, nir.CubaLIF)


def effects_of(graph: nir.NIRGraph, target: str) -> list[Effect]:
    """Return what a target does to the nodes of a graph, and what it cannot know because only the metadata says it."""
    compact = [
        Effect(path, "differs", "its reset by subtraction is only in the metadata")
        for path, node in walk(graph)
        if isinstance(node, _FIRES) and read_metadata(node).get("reset") == "subtract"
    ]
    return [*predict(graph, target).effects, *compact]


def verdict_of(effects: Iterable[Effect]) -> str:
    """Return the worst verdict of some effects."""
    return max(map(_verdict, effects), key=RANKS.index, default=TAKEN)


def reasons_of(effects: Iterable[Effect]) -> str:
    """Return what makes the verdict, in words: nothing else matters of a node that is refused or left out."""
    effects = [*effects]
    refused = [effect for effect in effects if effect.verdict == "refuses"]
    skipped = [effect for effect in effects if effect.text == LEFT_OUT]
    return "; ".join(dict.fromkeys(effect.text for effect in refused or skipped or effects))


def _verdict(effect: Effect) -> str:
    return NOT_READ if effect.verdict == "refuses" or effect.text == LEFT_OUT else CHANGED
