"""A record of what a net computes in one step, written while it runs on an example."""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path
from typing import Any, Callable, Iterator, NoReturn

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction

import snn_core
from snn_core.effects import READS
from snn_core.graph import Node, Recorder, tensors_in
from snn_ipu.issues import Found
from snn_ipu.program.operations import TABLE, encoded

__all__ = ["CASTS", "DYNAMIC", "HAND_KEPT", "HOST_READS", "OperationRecorder", "REMEDIES", "RENAMED", "SAME"]


HAND_KEPT = (
    "forward itself keeps a state from step to step",
    "write it as a neuron: a subclass of snn_core.SpikingNeuron with that State",
)
"""The message and remedy of IPU005 for a state that ``forward`` keeps."""

_LIBRARIES = tuple(str(Path(file).parent) for file in (torch.__file__, snn_core.__file__ or "", Path(__file__).parent))
_TRAINING = torch.empty(())  # stands for the mode of the program, training or not, when it runs


class OperationRecorder(Recorder):
    """A recorder of every operation on tensors that depend on the input or on weights.

    Args:
        net: The net.
        weights: Names of the weights, by the identity of their tensors.
        learned: The names among them that an optimizer may change.
        floating: The floating dtype of the program.

    Example:
        >>> recorder = OperationRecorder(nn.Identity(), {}, set(), torch.float32)
        >>> x = recorder.fresh(torch.ones(2), "x")
        >>> with recorder.recording():
        ...     y = 2 * x
        >>> recorder.ops
        [{'kind': 'call', 'path': '', 'op': 'mul', 'args': [{'v': 'x'}, 2], 'kwargs': {}, 'outs': ['v0']}]
    """

    def __init__(self, net: nn.Module, weights: dict[int, str], learned: set[str], floating: torch.dtype) -> None:
        super().__init__(net)
        self.floating = floating
        self.ops: list[dict[str, Any]] = []
        self.trail: list[str] = [""]  # the paths of the modules that run, from the net to the innermost
        self.constants: dict[str, Tensor] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._names = {id(_TRAINING): "training", **weights}
        self._live = set(learned)  # names of values that are not known before a call
        self._kept: list[Tensor] = []  # a deleted tensor would leave its identity to another tensor
        self._count = 0
        self._in_step = False  # of a neuron

    def fresh(self, value: Tensor, name: str = "") -> Tensor:
        """Return a tensor that replaces another in computations, with a gradient and a name, by default a new one."""
        fresh = value.detach()
        if fresh.is_floating_point():
            fresh.requires_grad_()
        self._bind(fresh, name or self._new_name(), live=True)
        return fresh

    def name_of(self, value: Tensor) -> str:
        """Return the name of a tensor; a tensor that no recorded operation returned is a constant."""
        self.must_be_followed(value)
        if id(value) not in self._names:
            name = f"_constant.{len(self.constants)}"
            self.constants[name] = value.detach().clone()
            self._bind(value, f"w:{name}", live=False)
        self.shapes[self._names[id(value)]] = tuple(value.shape)
        return self._names[id(value)]

    def write(self, op: str, args: Any, kwargs: dict[str, Any], out: Any, live: bool = True, **more: Any) -> None:
        """Append an operation and name its results."""
        try:
            args = encoded(args, self.name_of, self.floating)
            kwargs = {k: encoded(v, self.name_of, self.floating) for k, v in kwargs.items()}
        except TypeError as error:
            self.refuse("IPU004", f"{op} has an argument that no program takes: {error}", "pass tensors and numbers")
        outs = []
        for tensor in (out,) if isinstance(out, Tensor) else out:
            outs.append(self._new_name())
            self._bind(tensor, outs[-1], live)
        node = {} if self._in_step else {"kind": "call", "path": self.trail[-1]}
        self.ops.append({**node, "op": op, "args": args, "kwargs": kwargs, "outs": outs, **more})

    @contextlib.contextmanager
    def scope(self) -> Iterator[list[dict[str, Any]]]:
        """Write into a separate list within a block, for the step of a neuron."""
        outer, self.ops, self._in_step = self.ops, [], True
        try:
            yield self.ops
        finally:
            self.ops, self._in_step = outer, False

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Record nothing within a block."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def must_be_followed(self, values: Any) -> None:
        """Check that no tensor among the values comes from an autograd.Function."""
        for value in tensors_in(values):
            if isinstance(value.grad_fn, BackwardCFunction):
                name = value.grad_fn.name().replace("Backward", "")
                remedy = "use a surrogate of snn_core.surrogate, or plain operations with detach"
                self.refuse("IPU003", f"{name} is an autograd.Function, whose backward PopTorch ignores", remedy)

    def refuse(self, code: str, message: str, remedy: str) -> NoReturn:
        """Stop the recording at the current module and line."""
        raise Found(code, self.trail[-1], message, remedy, _user_line())

    def begin(self, node: Node) -> bool:
        name = getattr(node.func, "__name__", "")
        bounds = _bounds(node.args[1]) if name == "__getitem__" else []
        if self._is_live([*node.tensors, *bounds]):
            self._check_host(name, node.args, len(node.args) + len(node.kwargs), bool(bounds))
        return True

    def end(self, node: Node) -> None:
        name, live, args = getattr(node.func, "__name__", ""), self._is_live(node.tensors), node.args
        writes = name == "__setitem__" and (live or id(args[0]) in self._names)  # it returns nothing
        if not writes and not (any(id(t) in self._names for t in node.tensors) and tensors_in(node.out)):
            return
        self.must_be_followed(node.tensors)
        args, kwargs = self._as_in_functional(node.func, args, dict(node.kwargs))
        self._record(_renamed(name, args, kwargs), args, kwargs, node.out, live)
        if live and not node.grad:  # a program has no gradient mode
            for tensor in tensors_in(node.out):
                if all(tensor is not t for t in node.tensors):
                    self.write("detach", [tensor], {}, tensor)

    def _is_live(self, tensors: list[Tensor]) -> bool:
        return any(self._names.get(id(tensor)) in self._live for tensor in tensors)

    def _as_in_functional(self, func: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """Return the arguments of a function as its namesake in ``torch.nn.functional`` takes them."""
        if func is Tensor.where:  # a method of the input, not of the condition
            named = {**dict(zip(("input", "condition", "other"), args)), **kwargs}
            return (named["condition"], named["input"], named["other"]), {}
        if func is torch.batch_norm:
            what = "torch.batch_norm takes its arguments in a different order from the function that is lowered"
            self.refuse("IPU004", what, "call torch.nn.functional.batch_norm")
        if func in _SOFTMAX and len(args) > 2:
            return args[:2], {**kwargs, "dtype": args[2]}
        if func in _WITH_CUDNN:
            return args[:5], {k: v for k, v in kwargs.items() if k not in ("cudnn_enable", "cudnn_enabled")}
        return args, kwargs

    def _check_host(self, name: str, args: Any, count: int, sliced: bool) -> None:
        if name in HOST_READS or sliced:
            what = "a slice" if sliced else f"{name.strip('_')}()"
            remedy = "select with torch.where, or decide outside of forward"
            self.refuse("IPU001", f"{what} reads a value on the host while the net runs", remedy)
        masked = name == "__getitem__" and any(t.dtype == torch.bool for t in tensors_in(args[1:]))
        if name in DYNAMIC or masked or (name == "where" and count == 1):
            what = "a boolean index" if masked else name.strip("_")
            self.refuse(
                "IPU002", f"{what} gives tensors whose size or number is not fixed", "multiply by a mask instead"
            )

    def _record(self, name: str, args: Any, kwargs: dict[str, Any], out: Any, live: bool) -> None:
        kwargs = {_AXES.get(k, k): v for k, v in kwargs.items() if k != "device"}
        idle = "dropout" in name and not kwargs.get("training", True)
        if (
            (kwargs.pop("inplace", False) and not idle)
            or kwargs.pop("out", None) is not None
            or (name not in SAME and _OVERWRITES.fullmatch(name))
        ):
            if args and isinstance(args[0], Tensor) and self.name_of(args[0]).startswith("w:"):
                self.refuse("IPU005", *HAND_KEPT)
            remedy = REMEDIES.get(name, "use the form that returns a new tensor")
            self.refuse("IPU004", f"{name.strip('_')} overwrites a tensor", remedy)
        if name in SAME or (isinstance(out, Tensor) and args and out is args[0]):
            self._bind(out, self.name_of(args[0]), live)
            return
        if name in CASTS:
            name, args, kwargs = "to", (args[0], CASTS[name]), {}
        elif name == "type_as":
            name, args = "to", (args[0], args[1].dtype)
        elif name == "dropout":
            p = kwargs.get("p", args[1] if len(args) > 1 else 0.5)
            args, kwargs = args[:1], {"p": p, "training": _TRAINING}
        elif name == "getitem" and isinstance(args[1], list):  # a program takes a list for a tuple of indices
            args = (args[0], (args[1],))
        if name == "batch_norm" and kwargs.get("training"):
            what = "BatchNorm changes its running statistics in every step while training"
            self.refuse("IPU005", what, "call .eval() on it, or use GroupNorm or LayerNorm")
        if name not in TABLE:
            if not live:
                return  # computed from constants, it is a constant
            remedy = REMEDIES.get(name, "write it with other operations")
            self.refuse("IPU004", f"{name.strip('_')} is not among the operations lowered for PopTorch", remedy)
        self.write(name, args, kwargs, out, live)

    def _new_name(self) -> str:
        self._count += 1
        return f"v{self._count - 1}"

    def _bind(self, value: Tensor, name: str, live: bool) -> None:
        self._names[id(value)] = name
        self.shapes[name] = tuple(value.shape)
        self._kept.append(value)
        if live:
            self._live.add(name)


def _bounds(index: Any) -> list[Tensor]:
    """Return the tensors among the bounds of slices, which Python reads as numbers."""
    slices = [part for part in (index if isinstance(index, tuple) else (index,)) if isinstance(part, slice)]
    return tensors_in([(part.start, part.stop, part.step) for part in slices])


def _user_line() -> str:
    frame: Any = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith((*_LIBRARIES, "<")):
            return f"{Path(file).name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def _renamed(name: str, args: Any, kwargs: dict[str, Any]) -> str:
    """Return the name of a function in a program."""
    operands = (*args, *kwargs.values())
    if name in _BITWISE and not all(isinstance(v, Tensor) and v.dtype == torch.bool for v in operands):
        return name.strip("_")  # integers have more than one bit
    return RENAMED.get(name, name)


_OVERWRITES = re.compile(r"__(i\w+|setitem)__|(?!__)\w+_")
_BITWISE = {"__and__", "__invert__", "__or__", "bitwise_and"}
_AXES = {"axis": "dim", "axis0": "dim0", "axis1": "dim1"}
_SOFTMAX = (torch.softmax, Tensor.softmax, torch.log_softmax, Tensor.log_softmax)
_WITH_CUDNN = (torch.group_norm, torch.layer_norm)
HOST_READS = {*READS, "__contains__", "is_nonzero"}
DYNAMIC = {"nonzero", "argwhere", "masked_select", "unique", "unique_consecutive", "repeat_interleave", "__iter__"}
SAME = {"clone", "contiguous", "requires_grad_"}
RENAMED = {
    **{f"__{name}__": name for name in ("eq", "ne", "gt", "ge", "lt", "le", "getitem", "rpow", "rsub")},
    **dict.fromkeys(("__and__", "bitwise_and"), "logical_and"),
    **dict.fromkeys(("__rdiv__", "__rtruediv__"), "rdiv"),
    **dict.fromkeys(("__rmul__", "multiply"), "mul"),
    **dict.fromkeys(("__truediv__", "true_divide"), "div"),
    "__invert__": "logical_not",
    "__or__": "logical_or",
    "__radd__": "add",
    "absolute": "abs",
    "clip": "clamp",
    "concat": "cat",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "subtract": "sub",
    "swapaxes": "transpose",
}
CASTS = {name: getattr(torch, name) for name in ("bool", "double", "float", "half", "int", "long")}
REMEDIES = {
    **dict.fromkeys(("and", "bitwise_and", "invert", "or"), "apply it to tensors of torch.bool"),
    "heaviside": "write (x > 0).to(x.dtype)",
    "lerp": "write a + w * (b - a)",
    "poisson": "use torch.bernoulli",
    "lstm_cell": "use Leaky, Synaptic or Alpha instead of an LSTM neuron",
    "__setitem__": "select with torch.where, or join parts with torch.cat",
    "__get__": "call a method, such as transpose or detach, instead of an attribute",
}
