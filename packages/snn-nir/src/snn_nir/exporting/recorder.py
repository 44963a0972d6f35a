"""A record of a net's step, on real tensors, and of every call in it."""

from __future__ import annotations

import builtins
import gc
import inspect
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

from snn_core import GradedSpikes
from snn_core.effects import READS, RandomStates, name_of
from snn_core.graph import Watch, is_random, tensors_in
from snn_core.neuron import Firing, Temporal, current
from snn_nir.exporting.calls import Call

CHANGED = "its result is not what the recorded calls compute"
_REFLECTED = {"rsub": "sub", "rdiv": "truediv", "rpow": "pow"}
_OPERANDS = ["input", "other"]


class Recorder(Watch, TorchFunctionMode):
    """A recorder of the calls of a net in one step, in this thread.

    A mode of torch sees functions, and hooks see layers and neurons; calls inside these are ignored.
    """

    def __init__(self, net: nn.Module) -> None:
        Watch.__init__(self, net)
        TorchFunctionMode.__init__(self)
        self.reason: str = ""  # the reason why the record is not what the net computes
        self.resets: str = ""  # an action that only a loop over time may take
        self.resets_late: bool = False
        self.calls: list[Call] = []
        self.modules: dict[nn.Module, None] = {}  # the modules that were called, in order
        self._of = {id(p): Call("parameter", "", (), {}, p, _version(p), None, False) for p in net.parameters()}
        self._count: Counter[tuple[str, bool]] = Counter()
        self._inside = 0  # calls of modules that are recorded as a whole
        self._depth = 0  # the number of function modes, up to this one
        self._in_hooks = False  # True while foreign hooks on one of them run
        self._paused = False  # True if functions are ignored until the module returns
        self._given: Any = None
        self._numbers: RandomStates | None = None
        self._states: list[tuple[nn.Module, Tensor, int]] = []

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record the calls within a block."""
        with ExitStack() as stack:
            for module in self.paths:
                if _is_whole(module):
                    stack.enter_context(module.register_forward_pre_hook(self._begin_hooks, prepend=True))
                    stack.enter_context(module.register_forward_pre_hook(self._enter, with_kwargs=True))
                    hook = module.register_forward_hook(self._leave, with_kwargs=True, always_call=True, prepend=True)
                    stack.enter_context(hook)
                    stack.enter_context(module.register_forward_hook(self._end_hooks, always_call=True))
            stack.enter_context(self.watching())
            stack.enter_context(self)
            self._depth = torch._C._len_torch_function_stack()
            yield

    def add(
        self, kind: str, value: Any, args: tuple[Any, ...] = (), kwargs: Any = None, module: nn.Module | None = None
    ) -> Call:
        """Add a call, and its results if there are several; arguments that are results become calls."""
        kwargs = dict(kwargs or {})
        if kwargs:  # an input may be passed by name
            names = _OPERANDS if module is None else list(inspect.signature(module.forward).parameters)[:1]
            args = _by_position(args, kwargs, names)
        number = self._count[kind, module is None] + hasattr(builtins, kind)
        self._count[kind, module is None] += 1
        name = kind.replace(".", "_") + (f"_{number}" if number else "")
        call = Call(kind, name, args, kwargs, value, _version(value), module)
        same = self._of.get(id(value))
        if same is not None and same.version == call.version:
            return same  # it returns its argument itself
        inputs = call.inputs()
        call.of_step = not inputs or isinstance(module, Temporal) or any(source.of_step for source in inputs)
        for source in inputs:
            source.users.append(call)
        self.calls.append(call)
        if isinstance(value, Tensor):
            self._of[id(value)] = call
        elif isinstance(value, tuple | list):
            self._add_items(call, value)
        return call

    def _add_items(self, call: Call, values: Any) -> None:
        for index, value in enumerate(values):
            if tensors_in(value):
                self.add("getitem", value, (call, index))

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self._inside:
            return func(*args, **kwargs)
        encoded, named = self.encoded((args, kwargs))
        inputs = [leaf for leaf in tree_leaves((encoded, named)) if isinstance(leaf, Call)]
        of_step = any(call.of_step for call in inputs)
        numbers = RandomStates() if of_step and is_random(func) else None
        out = func(*args, **kwargs)
        if not inputs:
            return out
        if numbers is not None:
            numbers.restore()  # functions that draw random numbers are refused later, by name
        if of_step and name_of(func) in READS:
            self.refused(f"forward reads a value into Python ({name_of(func)})")
        kind = name_of(func).strip("_")
        if kind in _REFLECTED:
            kind, encoded = _REFLECTED[kind], _by_position(encoded, named, _OPERANDS)[::-1]
        elif func in (Tensor.div, Tensor.div_):
            kind = "truediv"  # torch gives no more detail
        if kind == "unbind" and encoded[1:] in ((), (0,)) and not named:
            self._add_items(encoded[0], out)
        elif tensors_in(out):
            self.add(kind, out, encoded, named)
        return out

    def _begin_hooks(self, module: Any, args: tuple[Any, ...]) -> None:
        if current() is self:
            self._in_hooks = not self._inside

    def _enter(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if current() is not self:
            return  # another thread, or within a neuron
        self._inside += 1
        self._in_hooks = False
        if self._inside > 1:
            return
        self._paused = torch._C._len_torch_function_stack() == self._depth
        if self._paused:
            self.__exit__(None, None, None)  # otherwise every function of the module would pass through it
        self._given, self.modules[module] = self.encoded((args, kwargs)), None
        self._numbers = RandomStates() if module.training and _may_draw(module) else None

    def _leave(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        if current() is not self:
            return
        self._inside -= 1
        self._in_hooks = not self._inside
        if not self._inside and out is not None:  # None after a call that failed
            if self._numbers is not None:
                self._numbers.restore()
            args, kwargs = self._given
            self.add(self.paths[module], out, args, kwargs, module)
            if isinstance(module, Temporal):
                self._states += [(module, state, _version(state)) for state in tensors_in(module._kept)]
        if not self._inside and self._paused:
            self.__enter__()

    def _end_hooks(self, module: Any, args: tuple[Any, ...], out: Any) -> None:
        if current() is self:
            self._in_hooks = False

    def check_states(self) -> None:
        """Refuse in-place writes to the state that a neuron keeps."""
        for module, state, version in self._states:
            if version != _version(state):
                self.refused(f"forward writes the state that {self.name(module)} keeps")

    def leaks(self) -> bool:
        """Release all values of the step, and return True if anything still holds one."""
        kept = [weakref.ref(call.value) for call in self.calls if call.of_step and isinstance(call.value, Tensor)]
        for call in self.calls:
            if call.of_step:
                call.value = tree_map_only(Tensor, lambda value: value.to("meta"), call.value)
        self._of.clear()
        self._states.clear()
        self._given = None
        if any(ref() is not None for ref in kept):
            gc.collect()  # some may be held only by a reference cycle
        return any(ref() is not None for ref in kept)

    def called(self, module: Any, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self._inside:
            how = "by its method forward" if module in self.paths else "that is not registered in the net"
            self.refused(f"forward calls a {type(module).__name__} {how}")
        with self.pausing():
            return forward(module, *args, **kwargs)

    def touched(self, module: Any, how: str) -> None:
        touch = f"forward {how} the state that {self.name(module)} keeps"
        if how == "reads" and self._in_hooks:
            return  # this only reads a size; the computation itself is recorded
        if how == "resets" and module not in self.modules:
            self.resets, self.resets_late = touch, any(call.args for call in self.calls)
        else:
            self.refused(touch)

    def refused(self, why: str) -> None:
        self.reason = self.reason or why

    def encoded(self, values: Any) -> Any:
        """Return values with calls instead of their results."""
        if isinstance(values, Tensor):
            return self._call_of(values)
        if type(values) in (tuple, list):  # avoids torch's traversal of all kinds of trees, which is slower
            return type(values)(map(self.encoded, values))
        return tree_map_only(Tensor, self._call_of, values) if values else values

    def _call_of(self, tensor: Tensor) -> Call | Tensor:
        call = self._of.get(id(tensor))
        if call is None:
            if isinstance(tensor, nn.Parameter):
                self.refused("forward takes a parameter that is not registered in the net")
            return tensor
        if call.version != _version(tensor):
            self.refused(CHANGED)
        return call


def _by_position(args: tuple[Any, ...], kwargs: dict[str, Any], names: list[str]) -> tuple[Any, ...]:
    """Move arguments that are passed by name out of ``kwargs`` and behind those passed by position."""
    return (*args, *(kwargs.pop(key) for key in names[len(args) :] if key in kwargs))


def _is_whole(module: nn.Module) -> bool:
    if isinstance(module, Temporal | Firing | GradedSpikes):
        return True
    return type(module).__module__.startswith("torch.nn") and not isinstance(module, nn.Sequential)


def _may_draw(module: nn.Module) -> bool:
    """Return True if a layer may draw random numbers while training, judging by its arguments."""
    return any(hasattr(module, name) for name in ("p", "dropout", "lower", "_random_samples"))


def _version(value: Any) -> int:
    return value._version if isinstance(value, Tensor) and not value.is_inference() else -1
