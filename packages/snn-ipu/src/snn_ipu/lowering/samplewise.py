"""Proof that recorded operations act on every sample separately, so that time can be folded into the batch."""

from __future__ import annotations

from typing import Any, Callable, Iterable

import torch
from torch import Tensor

from snn_core.graph import Node, NotSampleWise, computed_by, tensors_in
from snn_ipu.issues import Found
from snn_ipu.program.operations import TABLE, decoded, names_in

__all__ = ["must_act_on_samples"]


def must_act_on_samples(
    nodes: list[dict[str, Any]], shapes: dict[str, tuple[int, ...]], outputs: list[str], batch: int
) -> None:
    """Check that nodes keep axis 0 as the axis of samples.

    Args:
        nodes: Operations and neurons in order, with an open batch size.
        shapes: The shape of every tensor by name.
        outputs: Names of the net's outputs.
        batch: The batch size of these shapes.

    Example:
        >>> node = {"kind": "call", "path": "norm", "op": "mean", "args": [{"v": "x"}, 0], "kwargs": {}, "outs": []}
        >>> must_act_on_samples([node], {"x": (4, 3)}, [], 4)
        Traceback (most recent call last):
        ...
        snn_ipu.issues.Found: IPU004 in 'norm': mean goes along axis 0, the axis of samples ('mean' must name axes ...
    """
    env = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    batched = {"x"}
    for node in nodes:
        path = node["path"]
        if node["kind"] != "neuron":
            _must_not_compute_with_batch(node)
            _check(node, path, env, batched, batch)
            continue
        batched.update(node["outs"])
        _must_hold_samples({node["input"], *node["outs"]}, path, batched, env, batch)
        rest = torch.empty((batch, *node["state_shape"]), device="meta")
        states = {f"s{i}": rest for i in range(len(node["states"]))}
        inner, followed = {**env, "in": env[node["input"]], **states}, batched | {"in", *states}
        for op in node["step"]:
            _check(op, path, inner, followed, batch)
    _must_hold_samples(outputs, "", batched, env, batch)


def _must_hold_samples(names: Iterable[str], path: str, batched: set[str], env: dict[str, Tensor], batch: int) -> None:
    if not batched.issuperset(names):
        remedy = "compute it from the input, or read it from the net"
        raise Found("IPU004", path, "a tensor without samples is passed on or returned", remedy)
    if any(env[name].shape[:1] != (batch,) for name in names):
        message = "a tensor whose axis 0 is not as long as the batch is passed on or returned"
        raise Found("IPU004", path, message, "give it one row per sample: x.view(x.shape[0], -1)")


def _must_not_compute_with_batch(node: dict[str, Any]) -> None:
    """Check that the batch size is used only as a size of axis 0: layers see all steps at once, with more rows."""
    values = [*node["args"], *node["kwargs"].values()]
    sizes = _sizes(node) if node["op"] in ("reshape", "view") or node["op"].startswith("new_") else []
    if _count(values) > (sizes[:1] == [_BATCH]):
        remedy = "use it only as a size, in x.view(x.shape[0], ...) or x.new_zeros"
        raise Found("IPU004", node["path"], f"{node['op']} computes with the batch size", remedy)


_BATCH = {"batch": True}


def _count(value: Any) -> int:
    """Return how often the batch size is among the values."""
    parts = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    return int(value == _BATCH) + sum(map(_count, parts))


def _sizes(node: dict[str, Any]) -> list[Any]:
    """Return the sizes that follow the first argument, one by one, as a list, or by name."""
    sizes = node["args"][1:] or [node["kwargs"][name] for name in ("size", "shape") if name in node["kwargs"]]
    return sizes[0] if sizes and isinstance(sizes[0], list) else sizes


def _check(op: dict[str, Any], path: str, env: dict[str, Tensor], batched: set[str], batch: int) -> None:
    """Add the outputs of an operation to the tensors that hold samples, if one of its inputs does."""
    name, sizes = op["op"], _sizes(op)
    made = name.startswith("new_")
    if batched.isdisjoint(names_in([op["args"], list(op["kwargs"].values())])) or (made and sizes[:1] != [_BATCH]):
        return
    rest_known = all(isinstance(size, int) and size > 0 for size in sizes[1:])
    reshaped = name in ("reshape", "view") and (sizes[:1] == [_BATCH] or (sizes[:1] == [-1] and rest_known))
    if not made and not reshaped:
        try:
            if name in ("reshape", "view"):
                raise NotSampleWise("it gets another size")
            computed_by(_call(op, env, batched, batch))
        except NotSampleWise as why:
            message = f"{name} goes along axis 0, the axis of samples ({why})"
            raise Found("IPU004", path, message, "let it act on each sample alone") from why
    batched.update(op["outs"])


def _call(op: dict[str, Any], env: dict[str, Tensor], batched: set[str], batch: int) -> Node:
    """Return the node of an operation, or that of another function with the same rule."""
    args = [decoded(value, env, batch, torch.float32) for value in op["args"]]
    kwargs = {key: decoded(value, env, batch, torch.float32) for key, value in op["kwargs"].items()}
    tensors, of_step = tensors_in((args, kwargs)), frozenset(id(env[name]) for name in batched)
    func = _LIKE.get(op["op"], TABLE.get(op["op"]))
    if op["op"] == "max" and len(tensors) == 2:
        func = torch.maximum
    elif op["op"] == "getitem":
        parts = args[1] if isinstance(args[1], list) else [args[1]]
        picks = sum(isinstance(part, list) for part in parts)  # from one axis; from several, it moves one to the front
        args[1] = tuple(slice(None) if isinstance(part, list) and picks == 1 else part for part in parts)
    return Node(func, tuple(args), kwargs, tensors, grad=False, of_step=of_step)


# operations that act on samples as another function does
_LIKE: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("bernoulli", "dropout", "rand_like", "randn_like", "spike", "to"), torch.sign),
    "expand_as": torch.maximum,
    "getitem": Tensor.__getitem__,
    "rdiv": torch.div,
    "rpow": torch.pow,
    "rsub": torch.sub,
    "unbind": torch.cumsum,
}
