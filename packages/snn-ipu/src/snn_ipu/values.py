"""Arguments of a recorded operation as JSON, and back."""

from __future__ import annotations

from typing import Any, Callable

import torch
from torch import Tensor

from .operations import DTYPES, TABLE

__all__ = ["decoded", "encoded", "run"]

_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def encoded(value: Any, name_of: Callable[[Tensor], str], floating: torch.dtype) -> Any:
    """An argument as JSON.

    Args:
        value: A number, string, None, tensor, dtype, slice, or a list or tuple of them.
        name_of: Gives the name of a tensor.
        floating: The floating dtype of the program, which stays open.

    Returns:
        The JSON value: tensors as ``{"v": name}``, dtypes as ``{"dtype": name}``.

    Raises:
        TypeError: If it is something else.

    Example:
        >>> encoded((slice(0, 2), torch.bool), str, torch.float32)
        [{'slice': [0, 2, None]}, {'dtype': 'bool'}]
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Tensor):
        return {"v": name_of(value)}
    if isinstance(value, torch.dtype) and (value == floating or value in _NAMES):
        return {"dtype": "program" if value == floating else _NAMES[value]}
    if isinstance(value, slice):
        return {"slice": [encoded(v, name_of, floating) for v in (value.start, value.stop, value.step)]}
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, (list, tuple)):
        return [encoded(v, name_of, floating) for v in value]
    raise TypeError(f"a {type(value).__name__} cannot be written into a program")


def decoded(value: Any, env: dict[str, Any], batch: int, floating: torch.dtype) -> Any:
    """The argument of a JSON value.

    Args:
        value: What :func:`encoded` gave.
        env: Tensors by name.
        batch: Size of axis 0, for what was computed from it.
        floating: The floating dtype that the program runs in.

    Returns:
        The argument.

    Example:
        >>> decoded([{"batch": True}, -1], {}, batch=6, floating=torch.float32)
        [6, -1]
    """
    if isinstance(value, list):
        return [decoded(v, env, batch, floating) for v in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "v":
        return env[content]
    if kind == "dtype":
        return floating if content == "program" else DTYPES[content]
    if kind == "slice":
        return slice(*(decoded(v, env, batch, floating) for v in content))
    return Ellipsis if kind == "ellipsis" else batch


def run(ops: list[dict[str, Any]], env: dict[str, Any], batch: int, floating: torch.dtype, spike: Any = None) -> None:
    """Run operations in order; their results join ``env``.

    Args:
        ops: Operations, each ``{"op", "args", "kwargs", "outs"}``.
        env: Tensors by name, changed in place.
        batch: Size of axis 0.
        floating: The floating dtype that the program runs in.
        spike: What runs the operation ``"spike"``, called with the shifted membrane and its surrogate.

    Example:
        >>> env = {"x": torch.tensor([3.0])}
        >>> run([{"op": "mul", "args": [{"v": "x"}, 2], "kwargs": {}, "outs": ["y"]}], env, 1, torch.float32)
        >>> env["y"]
        tensor([6.])
    """
    for op in ops:
        args = [decoded(a, env, batch, floating) for a in op["args"]]
        if op["op"] == "spike":
            out = spike(args[0], op["surrogate"])
        else:
            out = TABLE[op["op"]](*args, **{k: decoded(v, env, batch, floating) for k, v in op["kwargs"].items()})
        outs = (out,) if isinstance(out, Tensor) else tuple(out)
        env.update(zip(op["outs"], outs))
