"""Modules that keep a state from one time step to the next, and a watch over their steps."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import wraps
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.torch_version import TorchVersion
from torch.utils._pytree import tree_map

from snn_core.neuron.bounds import Parametrizable
from snn_core.neuron.constant import warn
from snn_core.neuron.kept_state import each

_EXPORTED = -2  # in place of the number of a backward pass: computed while torch.export traced
_TELLS_EXPORTING = TorchVersion(torch.__version__) >= "2.13"  # before, torch.compile counts as an export too


def as_floating(x: Tensor, owner: str) -> Tensor:
    """Return ``x`` itself if it is floating-point, or in the default dtype if it holds integers or booleans."""
    if not isinstance(x, Tensor):
        remedy = "wrap it: torch.as_tensor(x)"
        if isinstance(x, tuple):
            remedy = "pass the spikes alone, which a neuron before it returns with output=False"
        raise TypeError(f"{owner} takes a tensor, got {type(x).__name__}; {remedy}")
    if x.is_floating_point():
        return x
    if x.is_complex():
        raise TypeError(f"{owner} takes real input, got {x.dtype}; pass x.real, x.imag or x.abs()")
    return x.to(torch.get_default_dtype())


WATCH: ContextVar[Any] = ContextVar("watch", default=None)  # the watch over the step of a net in this thread


def current() -> Any:
    """Return the watch over this thread; None under a compiler, which runs nothing step by step."""
    return None if torch.compiler.is_compiling() else WATCH.get()


REPORTING: set[Callable[..., Any]] = set()  # forwards wrapped by watched; run_steps may be called in their place


def watched(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Let the watch of the thread, if there is one, make each call of a module's ``forward``."""

    @wraps(forward)
    def call(module: Any, *args: Any, **kwargs: Any) -> Any:
        watch = current()
        if watch is None:
            return forward(module, *args, **kwargs)
        return watch.called(module, forward, args, kwargs)

    REPORTING.add(call)
    return call


class Temporal(Parametrizable):
    """A module whose output depends on earlier calls.

    The kept state is an ordinary attribute, neither a parameter nor a buffer: it is not in any ``state_dict``, is not
    broadcast between processes, moves with the module, and never prevents a net from being copied or saved.
    """

    keeps_by_sample: ClassVar[bool] = False  # True if axis 0 of all states is the batch, so that a sample may end
    may_run_on: ClassVar[bool] = False  # True if steps without input after a sample's end change nothing before it

    _kept: Any = None  # a tuple of tensors, a count of steps, or None before the first step
    _programs: Any = None  # what kernels know of its step; copies and loaded modules start without it
    _shown: Any = None  # what hooks see of it under a compiler; see state_function.py
    _kept_in: Any = -1  # the backward pass in which it was computed, -1 outside of any, _EXPORTED, or a trace

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # torch.export restores attributes that an instance has, but not new ones
        self._kept, self._kept_in, self._programs, self._shown = None, -1, None, None

    def forget(self) -> None:
        """Go back to rest, so that the next step is the first one."""
        self._touch("resets")
        self._keep(None)

    def detach_kept(self) -> None:
        """Cut the kept state off the autograd graph without changing its values."""
        self._touch("detaches")
        self._kept = each(Tensor.detach, self._kept)

    def _touch(self, how: str) -> None:
        """Report that a caller reads, writes, resets or detaches the kept state."""
        watch = current()
        if watch is not None:
            watch.touched(self, how)

    def _keep(self, kept: Any) -> None:
        object.__setattr__(self, "_kept", kept)  # takes a tenth of the time of nn.Module's, which looks for parameters
        if not torch.compiler.is_compiling():
            trace = torch._C._get_tracing_state()
            here = weakref.ref(trace) if trace else torch._C._current_graph_task_id()
            object.__setattr__(self, "_kept_in", here)
        elif _is_exporting():
            object.__setattr__(self, "_kept_in", _EXPORTED)

    def _recall(self) -> Any:
        """Return the kept state, unless a backward pass, export or trace reads one that was computed outside of it.

        Activation checkpointing runs ``forward`` a second time, inside the backward pass. By then the kept state has
        moved on, and the second run would silently differ from the first. An exported or traced program contains a
        kept state as a constant, and every run of it would start from there.
        """
        if torch.compiler.is_compiling():
            if _is_exporting() and self._kept_in != _EXPORTED:
                raise RuntimeError(_cannot_be_exported(self))
        elif trace := torch._C._get_tracing_state():
            if not isinstance(self._kept_in, weakref.ref) or self._kept_in() is not trace:
                raise RuntimeError(_cannot_be_exported(self))
        elif self._kept is not None:
            task = torch._C._current_graph_task_id()
            if task not in (-1, self._kept_in):
                raise RuntimeError(
                    f"{type(self).__name__} keeps a state and is being recomputed inside the backward pass, where that "
                    "state has moved on; under activation checkpointing pass states explicitly (init_hidden=False), "
                    "call snn.utils.reset(net) inside the checkpointed function, or use unroll(net, xs, chunk=...)"
                )
        return self._kept

    def run_steps(self, xs: Tensor, kept: Any, trace: bool = False) -> tuple[Any, Any]:
        """Run the steps of an input ``[T, batch, ...]`` from a state, None at rest; what the module keeps stays.

        The results are the outputs of all steps, a tensor or a tuple of tensors, and the state after the last step;
        with ``trace``, which only a module that ``may_run_on`` gets, the states after every step.
        """
        raise NotImplementedError(f"{type(self).__name__} must define run_steps(self, xs, kept, trace=False)")

    def run_one(self, x: Tensor) -> Any:
        """Run one step from the kept state, and keep the state after it."""
        outs, kept = self.run_steps(x.unsqueeze(0), self._recall())
        self._keep(kept)
        return tree_map(lambda out: out.squeeze(0), outs)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        super()._apply(fn, recurse)
        self._kept = each(fn, self._kept)
        return self

    def __getstate__(self) -> dict[str, Any]:
        # tensors inside an autograd graph can be neither copied nor pickled; a named tuple of a local class cannot be
        # pickled either
        kept = each(Tensor.detach, self._kept)
        own: dict[str, Any] = {"_buffers": self._buffers | cut(self._buffers), "_kept_in": -1, "_programs": None}
        own["_kept"] = tuple(kept) if isinstance(kept, tuple) else kept
        state = self.__dict__ | cut(self.__dict__) | own
        state.pop("_compiled_call_impl", None)  # it runs this module, also where a copy is called
        return state


def _cannot_be_exported(module: Temporal) -> str:
    return (
        f"{type(module).__name__} keeps a state from call to call, which an exported program cannot: every run would "
        "start from the same state; call snn.export(net, x, path, format=...), which makes states inputs and outputs, "
        "or pass them in and out yourself (init_hidden=False); you can also export a forward that returns "
        "snn.unroll(net, xs), or that begins with snn.utils.reset(net) and loops over the time steps itself"
    )


def _is_exporting() -> bool:
    """Return True while ``torch.export`` traces."""
    return torch.compiler.is_exporting() and (_TELLS_EXPORTING or not torch.compiler.is_dynamo_compiling())


def cut(values: dict[str, Any]) -> dict[str, Tensor]:
    """Return the values that are tensors inside an autograd graph, by name, without the graph."""
    return {name: v.detach() for name, v in values.items() if isinstance(v, Tensor) and not v.is_leaf}


_LOOKED_AT: weakref.WeakSet[nn.Module] = weakref.WeakSet()
_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


def warn_of_unregistered(net: nn.Module) -> None:
    """Warn, the first time that a net is used, of neurons in its lists that are not registered, or in two places."""
    if torch.compiler.is_compiling() or net in _LOOKED_AT:
        return
    _LOOKED_AT.add(net)
    modules = dict(net.named_modules())
    registered = {*modules.values()}
    for path, module in modules.items():
        for name, value in vars(module).items():
            if name in _OF_EVERY_MODULE or not isinstance(value, list | tuple | dict):
                continue
            if any(m not in registered for m in _temporal_in(value)):
                where = ".".join(filter(None, (path, name)))
                container = "nn.ModuleDict" if isinstance(value, dict) else "nn.ModuleList"
                warn(
                    f"{type(net).__name__}: {where!r} is a {type(value).__name__} with neurons, which are neither "
                    f"reset nor moved, saved or trained with the net; make it an {container}"
                )
    _warn_of_repeated(net, modules)


def _warn_of_repeated(net: nn.Module, modules: dict[str, nn.Module]) -> None:
    """Warn about modules that keep a state and are in two places of an ``nn.Sequential``, which calls them twice."""
    reported = set()
    for path, sequence in modules.items():
        places: dict[Temporal, str] = {}
        for place, module in _in_sequence(path, sequence):
            first = places.setdefault(module, place)
            if first != place and module not in reported:
                reported.add(module)
                warn(
                    f"{type(net).__name__}: {first!r} and {place!r} are the same {type(module).__name__}, which keeps "
                    "one state for both places; make one for each"
                )


def _in_sequence(path: str, module: nn.Module) -> Iterator[tuple[str, Temporal]]:
    """Yield the modules with a state that an ``nn.Sequential`` calls, by path, each as often as it is called."""
    for name, part in module._modules.items() if isinstance(module, nn.Sequential) else ():
        place = f"{path}.{name}" if path else name
        if isinstance(part, Temporal):
            yield place, part
        elif part is not None:
            yield from _in_sequence(place, part)


def _temporal_in(container: Any) -> Iterator[Temporal]:
    waiting, seen = [container], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, nn.Module):
            yield from (m for m in value.modules() if isinstance(m, Temporal))
        elif isinstance(value, list | tuple | dict) and id(value) not in seen:
            seen.add(id(value))
            waiting += value.values() if isinstance(value, dict) else value


def temporal(net: nn.Module) -> list[Temporal]:
    """Return the modules of a net that keep a state from one step to the next."""
    return [m for m in net.modules() if isinstance(m, Temporal)]


def reset(net: nn.Module) -> None:
    """Put every neuron of a net at rest, at any depth, the net itself included; no other net is touched.

    Neurons in a plain list of the net, which PyTorch does not register, are not reset: the first call for a net warns
    about them.

    Args:
        net: Any module.

    Raises:
        TypeError: If ``net`` is not a module.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> lif = snn.Leaky(beta=0.9, init_hidden=True)
        >>> _ = lif(torch.ones(1, 2))
        >>> reset(lif)
        >>> lif.mem
        tensor([])
    """
    for module in _looked_at(net, "reset"):
        module.forget()


def detach(net: nn.Module) -> None:
    """Cut the kept states of a net off the autograd graph, without changing values, to truncate backpropagation.

    Args:
        net: Any module.

    Raises:
        TypeError: If ``net`` is not a module.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> lif = snn.Leaky(beta=0.9, init_hidden=True)
        >>> _ = lif(torch.ones(1, 2, requires_grad=True))
        >>> detach(lif)
        >>> lif.mem
        tensor([[1., 1.]])
    """
    for module in _looked_at(net, "detach"):
        module.detach_kept()


def _looked_at(net: nn.Module, verb: str) -> list[Temporal]:
    if not isinstance(net, nn.Module):
        raise TypeError(f"utils.{verb} takes a net (nn.Module), got {type(net).__name__}")
    warn_of_unregistered(net)
    return temporal(net)
