"""Proof that recorded operations act on every sample separately, so that time can be folded into the batch."""

from __future__ import annotations

from typing import Any, Callable

from snn_ipu.issues import Found
from snn_ipu.program.operations import names_in

__all__ = ["must_act_on_samples"]


class _Mixes(Exception):
    """Error for an operation that may mix samples, with the reason."""


def must_act_on_samples(nodes: list[dict[str, Any]], axes: dict[str, int], outputs: list[str], rows: set[str]) -> None:
    """Check that nodes keep axis 0 as the axis of samples.

    Args:
        nodes: Operations and neurons in order, with an open batch size.
        axes: Number of axes of every tensor by name.
        outputs: Names of the net's outputs.
        rows: Names of the tensors whose axis 0 has the size of the batch.

    Example:
        >>> node = {"kind": "call", "path": "norm", "op": "mean", "args": [{"v": "x"}, 0], "kwargs": {}, "outs": []}
        >>> must_act_on_samples([node], {"x": 2, "v0": 1}, ["v0"], {"x"})
        Traceback (most recent call last):
        ...
        snn_ipu.issues.Found: IPU004 in 'norm': mean goes along axis 0, the axis of samples; let it act on each ...
    """
    batched = {"x"}
    for node in nodes:
        if node["kind"] != "neuron":
            _must_not_compute_with_batch(node)
            _check(node, node["path"], axes, batched)
            continue
        batched.update(node["outs"])
        _must_hold_samples({node["input"], *node["outs"]}, node["path"], batched, rows)
        states = [f"s{i}" for i in range(len(node["states"]))]
        inner = {**axes, "in": axes[node["input"]], **dict.fromkeys(states, len(node["state_shape"]) + 1)}
        followed = batched | {"in", *states}
        for op in node["step"]:
            _check(op, node["path"], inner, followed)
    _must_hold_samples(set(outputs), "", batched, rows)


def _must_hold_samples(names: set[str], path: str, batched: set[str], rows: set[str]) -> None:
    if not names <= batched:
        remedy = "compute it from the input, or read it from the net"
        raise Found("IPU004", path, "a tensor without samples is passed on or returned", remedy)
    if not names <= rows:
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


def _check(op: dict[str, Any], path: str, axes: dict[str, int], batched: set[str]) -> None:
    """Add the outputs of an operation to the tensors that hold samples, if one of its inputs does."""
    if not any(name in batched for name in names_in([op["args"], list(op["kwargs"].values())])):
        return
    if op["op"].startswith("new_") and _sizes(op)[:1] != [_BATCH]:
        return
    try:
        _RULES.get(op["op"], _elementwise)(op, axes, batched)
    except _Mixes as why:
        raise Found("IPU004", path, f"{op['op']} {why}", "let it act on each sample alone") from why
    batched.update(op["outs"])


def _first(node: dict[str, Any], axes: dict[str, int], batched: set[str]) -> int:
    """Return the number of axes of the first argument, which must hold samples."""
    names = names_in(node["args"][:1])
    if not names or names[0] not in batched:
        raise _Mixes("is called with samples in a place other than the first")
    return axes[names[0]]


def _elementwise(node: dict[str, Any], axes: dict[str, int], batched: set[str]) -> None:
    names = names_in([node["args"], list(node["kwargs"].values())])
    counts = {axes[name] for name in names if name in batched}
    if len(counts) != 1:
        raise _Mixes("combines tensors whose axes of samples are not the same")
    if any(axes[name] >= max(counts) for name in names if name not in batched):
        raise _Mixes("combines the axis of samples with a tensor that has none")


def _along(position: int, default: Any = None, more: int = 0) -> Callable[..., None]:
    """Return the rule for an operation along an axis, argument ``position`` or ``dim``; ``more`` axes are added."""

    def rule(node: dict[str, Any], axes: dict[str, int], batched: set[str]) -> None:
        count = _first(node, axes, batched)
        dim = _argument(node, position, "dim", default)
        for each in dim if isinstance(dim, list) else [dim]:
            if isinstance(each, dict):  # max(a, b)
                return _elementwise(node, axes, batched)
            if each is None:
                raise _Mixes("goes over all axes, including that of samples")
            if each % (count + more) == 0:
                raise _Mixes("goes along axis 0, the axis of samples")
        return None

    return rule


def _argument(node: dict[str, Any], position: int, name: str, default: Any) -> Any:
    return node["args"][position] if len(node["args"]) > position else node["kwargs"].get(name, default)


def _joining(more: int) -> Callable[..., None]:
    def rule(node: dict[str, Any], axes: dict[str, int], batched: set[str]) -> None:
        parts = names_in(node["args"][0])
        counts = {axes[name] for name in parts}
        if len(counts) != 1 or not set(parts) <= batched:
            raise _Mixes("joins tensors that do not all hold samples")
        if _argument(node, 1, "dim", 0) % (max(counts) + more) == 0:
            raise _Mixes("goes along axis 0, the axis of samples")

    return rule


def _flatten(node: dict[str, Any], axes: dict[str, int], batched: set[str]) -> None:
    if _argument(node, 1, "start_dim", 0) % _first(node, axes, batched) == 0:
        raise _Mixes("flattens axis 0, the axis of samples, too")


def _transpose(node: dict[str, Any], axes: dict[str, int], batched: set[str]) -> None:
    count = _first(node, axes, batched)
    if 0 in (_argument(node, 1, "dim0", 0) % count, _argument(node, 2, "dim1", 0) % count):
        raise _Mixes("moves axis 0, the axis of samples")


def _permute(node: dict[str, Any], axes: dict[str, int], batched: set[str]) -> None:
    dims = _sizes(node)
    if dims[0] % _first(node, axes, batched) != 0:
        raise _Mixes("moves axis 0, the axis of samples")


def _reshape(node: dict[str, Any], axes: dict[str, int], batched: set[str]) -> None:
    _first(node, axes, batched)
    sizes = _sizes(node)
    rest_known = all(isinstance(size, int) and size > 0 for size in sizes[1:])
    if sizes[:1] != [_BATCH] and not (sizes[:1] == [-1] and rest_known):
        raise _Mixes("gives axis 0, the axis of samples, another size")


def _sizes(node: dict[str, Any]) -> list[Any]:
    """Return the sizes that follow the first argument, one by one, as a list, or by name."""
    sizes = node["args"][1:] or [node["kwargs"][name] for name in ("size", "shape", "dims") if name in node["kwargs"]]
    return sizes[0] if sizes and isinstance(sizes[0], list) else sizes


def _getitem(node: dict[str, Any], axes: dict[str, int], batched: set[str]) -> None:
    count = _first(node, axes, batched)
    index = node["args"][1] if isinstance(node["args"][1], list) else [node["args"][1]]
    whole = index[0] == {"slice": [None, None, None]} or (index[0] == {"ellipsis": True} and len(index) <= count)
    if not whole or names_in(index):
        raise _Mixes("picks samples")


def _takes(*allowed: int) -> Callable[..., None]:
    """Return the rule for a layer that takes input with an allowed number of axes, including samples."""

    def rule(node: dict[str, Any], axes: dict[str, int], batched: set[str]) -> None:
        count = _alone(node, axes, batched)
        if count not in allowed:
            raise _Mixes(f"gets input with {count} axes, but takes {' or '.join(map(str, allowed))} with samples")

    return rule


def _alone(node: dict[str, Any], axes: dict[str, int], batched: set[str]) -> int:
    """Return the number of axes of the first argument, which must be the only one that holds samples."""
    if not batched.isdisjoint(names_in([node["args"][1:], list(node["kwargs"].values())])):
        raise _Mixes("is called with samples in a place other than the first")
    return _first(node, axes, batched)


def _layer_norm(node: dict[str, Any], axes: dict[str, int], batched: set[str]) -> None:
    if len(_argument(node, 1, "normalized_shape", [])) >= _alone(node, axes, batched):
        raise _Mixes("normalizes over the samples")


_MANY = tuple(range(2, 9))
_RULES: dict[str, Callable[..., None]] = {
    **{name: _along(1) for name in ("amax", "argmax", "cumsum", "max", "mean", "sum")},
    **{name: _along(1) for name in ("log_softmax", "softmax", "squeeze")},
    **{name: _along(1, 0) for name in ("unbind", "unflatten")},
    **{name: _along(2, 0) for name in ("chunk", "split")},
    "unsqueeze": _along(1, 0, more=1),
    "cat": _joining(0),
    "stack": _joining(1),
    "flatten": _flatten,
    "transpose": _transpose,
    "permute": _permute,
    "reshape": _reshape,
    "view": _reshape,
    "getitem": _getitem,
    **{name: _takes(*_MANY) for name in ("linear", "batch_norm", "group_norm")},
    **{name: _takes(3) for name in ("avg_pool1d", "conv1d")},
    **{name: _takes(4) for name in ("adaptive_avg_pool2d", "avg_pool2d", "conv2d", "max_pool2d")},
    "conv3d": _takes(5),
    "layer_norm": _layer_norm,
}
