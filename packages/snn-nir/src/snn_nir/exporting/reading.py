"""The calls of a net in one step as the graph will have them: named, with calls in place of their results."""

from __future__ import annotations

import builtins
import gc
import inspect
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from snn_core import GradedSpikes
from snn_core.effects import READS, RandomStates, is_random, name_of
from snn_core.graph import Node, Recorder, tensors_in
from snn_core.neuron import Firing, Temporal
from snn_nir.exporting.calls import Call

CHANGED = "its result is not what the recorded calls compute"
_REFLECTED = {"rsub": "sub", "rdiv": "truediv", "rpow": "pow"}
_OPERANDS = ["input", "other"]


class Reader(Recorder):
    """A reader of the calls of a net in one step, in which layers and neurons are called as a whole."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net, is_whole)
        self.resets: str = ""  # an action that only a loop over time may take
        self.resets_late: bool = False
        self.calls: list[Call] = []
        self.modules: dict[nn.Module, None] = {}  # the modules that were called, in order
        self._of = {id(p): Call("parameter", "", (), {}, p, _version(p), None, False) for p in net.parameters()}
        self._count: Counter[tuple[str, bool]] = Counter()
        self._given: Any = None  # the arguments of the present call
        self._numbers: RandomStates | None = None  # before the present call
        self._states: list[tuple[nn.Module, Tensor, int]] = []

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

    def begin(self, node: Node) -> bool:
        self._given = self.encoded((node.args, node.kwargs))
        if node.module is not None:
            may_draw = node.module.training and _may_draw(node.module)
        else:
            inputs = [leaf for leaf in tree_leaves(self._given) if isinstance(leaf, Call)]
            if not inputs:
                return False
            may_draw = is_random(node.func) and any(call.of_step for call in inputs)
        self._numbers = RandomStates() if may_draw else None
        return True

    def end(self, node: Node) -> None:
        if self._numbers is not None:
            self._numbers.restore()  # what draws random numbers is refused later, by name
        args, kwargs = self._given
        if node.module is None:
            self._add_function(node, args, kwargs)
            return
        self.modules[node.module] = None
        self.add(self.paths[node.module], node.out, args, kwargs, node.module)
        if isinstance(node.module, Temporal):
            self._states += [(node.module, state, _version(state)) for state in tensors_in(node.module._kept)]

    def _add_function(self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Add a call of a function, unless it returns no tensor."""
        kind = name_of(node.func)
        if kind in READS and any(leaf.of_step for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Call)):
            self.refused(f"forward reads a value into Python ({kind})")
        kind = kind.strip("_")
        if kind in _REFLECTED:
            kind, args = _REFLECTED[kind], _by_position(args, kwargs, _OPERANDS)[::-1]
        elif node.func in (Tensor.div, Tensor.div_):
            kind = "truediv"  # torch gives no more detail
        if kind == "unbind" and args[1:] in ((), (0,)) and not kwargs:
            self._add_items(args[0], node.out)
        elif tensors_in(node.out):
            self.add(kind, node.out, args, kwargs)

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
        self._given = self._begun = None
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


def is_whole(module: nn.Module) -> bool:
    """Return True for a layer or neuron that is called as a whole, whatever it calls inside."""
    if isinstance(module, Temporal | Firing | GradedSpikes):
        return True
    return type(module).__module__.startswith("torch.nn") and not isinstance(module, nn.Sequential)


def _may_draw(module: nn.Module) -> bool:
    """Return True if a layer may draw random numbers while training, judging by its arguments."""
    return any(hasattr(module, name) for name in ("p", "dropout", "lower", "_random_samples"))


def _version(value: Any) -> int:
    return value._version if isinstance(value, Tensor) and not value.is_inference() else -1
