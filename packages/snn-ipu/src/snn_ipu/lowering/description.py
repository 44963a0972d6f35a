"""Preparation of recorded nodes for a program: open batch size, constants computed once, no unused nodes."""

from __future__ import annotations

from typing import Any

from snn_ipu.issues import Found
from snn_ipu.program.operations import names_in

__all__ = ["merged", "once_and_step", "without_dead"]


def merged(first: Any, second: Any, batch: int, path: str = "") -> Any:
    """Merge two recordings, the second with one more sample, into one description.

    Returns:
        The first, with ``{"batch": True}`` instead of every number that followed the batch size.

    Example:
        >>> merged(["view", 3, -1], ["view", 4, -1], 3)
        ['view', {'batch': True}, -1]
    """
    path = first.get("path", path) if isinstance(first, dict) else path
    if isinstance(first, dict) and isinstance(second, dict) and list(first) == list(second):
        return {key: merged(first[key], second[key], batch, path) for key in first}
    if isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        return [merged(a, b, batch, path) for a, b in zip(first, second)]
    if type(first) is type(second) and first == second:
        return first
    if (type(first), first, second) == (int, batch, batch + 1):
        return {"batch": True}
    remedy = "let sizes depend on the batch only as x.shape[0], and decide outside of forward"
    raise Found("IPU002", path, "the computation depends on the batch's size or values", remedy)


def once_and_step(node: dict[str, Any]) -> dict[str, Any]:
    """Return a neuron's node with constant parts moved out of its step.

    Example:
        >>> clamp = {"op": "clamp", "args": [{"v": "w:beta"}, 0, 1], "kwargs": {}, "outs": ["v0"]}
        >>> decay = {"op": "mul", "args": [{"v": "v0"}, {"v": "s0"}], "kwargs": {}, "outs": ["v1"]}
        >>> node = {"kind": "neuron", "step": [clamp, decay], "states": ["v1"], "results": ["v1"]}
        >>> split = once_and_step(node)
        >>> [op["op"] for op in split["once"]], [op["op"] for op in split["step"]]
        (['clamp'], ['mul'])
    """
    if node["kind"] != "neuron":
        return node
    step = _alive(node["step"], {*node["states"], *node["results"]})
    fixed: set[str] = set()
    once = []
    for op in step:
        if op["op"] not in _RANDOM and all(name in fixed or name.startswith("w:") for name in _used(op)):
            fixed |= set(op["outs"])
            once.append(op)
    return {**node, "once": once, "step": [op for op in step if op not in once]}


_RANDOM = ("bernoulli", "dropout", "rand_like", "randn_like")


def without_dead(nodes: list[dict[str, Any]], outputs: list[str]) -> list[dict[str, Any]]:
    """Return the nodes whose results are used.

    Example:
        >>> double = {"kind": "call", "op": "mul", "args": [{"v": "x"}, 2], "kwargs": {}, "outs": ["v0"]}
        >>> without_dead([double], ["x"])
        []
    """
    return _alive(nodes, set(outputs))


def _alive(ops: list[dict[str, Any]], needed: set[str]) -> list[dict[str, Any]]:
    alive = []
    for op in reversed(ops):
        if needed & set(op["outs"]):
            needed |= _used(op)
            alive.append(op)
    return alive[::-1]


def _used(node: dict[str, Any]) -> set[str]:
    """Return the names to which an operation or a neuron refers."""
    if node.get("kind") == "neuron":
        return {node["input"]}.union(*map(_used, (*node["once"], *node["step"])))
    return set(names_in([*node["args"], *node["kwargs"].values()]))
