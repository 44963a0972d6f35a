"""A record of a step of a net on real tensors: the calls that it makes, and whether they can run all steps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

from snn_core.effects.fingerprint import Fingerprint
from snn_core.effects.reads import READS, name_of
from snn_core.effects.separation import memory_of
from snn_core.graph import calls
from snn_core.graph.calls import Call, Rows, in_place_of, is_random, tells_rows, tensors_in
from snn_core.graph.rules import computed_by
from snn_core.graph.steps import Function, Held, Named, Neuron, NotSampleWise, Place, Step, Whole
from snn_core.graph.watching import Watch
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neuron.whole_sequence import WholeSequence


def _getters(*names: str) -> list[Any]:
    """Return the functions that a function mode sees when these attributes of tensors are read."""
    return [getattr(Tensor, name).__get__ for name in names]


_SIZES = {Tensor.size, Tensor.__len__, Tensor.numel, Tensor.nelement, *_getters("shape")}
# attributes of a tensor that do not depend on its values
_TOLD = {
    *(Tensor.dim, Tensor.ndimension, Tensor.is_floating_point, Tensor.is_complex, Tensor.element_size),
    *(Tensor.is_contiguous, Tensor.get_device, torch.is_floating_point, torch.is_complex),
    *_getters("ndim", "dtype", "device", "is_cuda", "is_meta", "layout", "itemsize"),
}


class Record(Watch, TorchFunctionMode):
    """A recorder of the calls of a net in one step.

    It acts on this thread only and changes nothing: the step runs as it is written. ``reason`` says why the record
    cannot run all steps; it is empty if it can.

    Args:
        net: The net.
        x: The input of the step, ``[batch, ...]``.
        trusts: True to assume that an unknown function acts on each sample alone.
        describes: True to find out which module calls each function, which takes longer.
        known: The tensors that earlier records of the net hold. They may be used, and nothing else that the code
            reaches is looked at; None to find out what it reaches and what it changes.
    """

    records = True

    def __init__(
        self,
        net: nn.Module,
        x: Tensor,
        trusts: bool = False,
        describes: bool = False,
        known: Mapping[int, Tensor] | None = None,
    ) -> None:
        Watch.__init__(self, net)
        TorchFunctionMode.__init__(self)
        self.reason: str = "" if x.dim() else "the input has no axis but time"
        self.trusted: str = ""  # the first function that was assumed to act on each sample alone
        self.steps: list[Step] = []
        self.values: list[Any] = []  # by number; kept alive, so that no other tensor is mistaken for one of them
        self.outputs: Any = None
        self.rows: int = len(x) if x.dim() else 1
        self._net = net
        self.asserted = trusts
        self._describes = describes
        self._with_grad = torch.is_grad_enabled()
        self._inside = 0  # calls of neurons, whose own functions are not recorded
        self._depth = 0  # the number of function modes, up to this one
        self._places: dict[int, int] = {}  # of tensors, by their identity
        self._of_step: list[bool] = []
        self._grad_fns: list[Any] = []
        self._own: list[bool] = []  # True if only this step has the tensor, so that it may be overwritten
        self._unknown: dict[int, Tensor] = {}  # values that do not have one row per sample
        self._called: set[Any] = set()
        self._random = ""
        self._sizes: list[Rows] = []  # numbers of samples that the code has read
        self._fingerprint = Fingerprint(net) if known is None else None
        self._known = known or {}
        named = [*net.named_parameters(remove_duplicate=False), *net.named_buffers(remove_duplicate=False)]
        self._named = {id(tensor): (path, tensor) for path, tensor in reversed(named)}
        self._add(x, of_step=True, own=False)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record the calls within a block."""
        with self.watching(), self:
            self._depth = torch._C._len_torch_function_stack()
            yield

    def finish(self, outputs: list[Any], spec: Any) -> None:
        """Take the leaves and the structure of the net's output when the step is over."""
        changed = self._fingerprint.change() if self._fingerprint else ""
        if changed.startswith("draws"):
            changed += f" ({self._random})" if self._random else ""
            self.reason = "" if self.reason.startswith("forward reads a value") else self.reason
        if changed and not self.reason.startswith("forward"):
            self.reason = f"forward {changed}"
        if not self.reason:
            self.outputs = self._tried(tree_unflatten, map(self._output, outputs), spec)

    def may_count(self) -> bool:
        """Return True if the record may hold only for this number of samples, because the code has read it.

        Code not written in Python, such as ``str``, ``range`` or ``len``, reads a number without leaving a trace.
        """
        return not self.asserted and not all(size.used for size in self._sizes)

    def is_of_step(self, number: int) -> bool:
        """Return True for a value that is computed again in every step."""
        return self._of_step[number]

    def inputs(self) -> list[Tensor | None]:
        """Return the input of each call."""
        firsts = (next((v for v in s.args if isinstance(v, Place)), None) for s in self.steps)
        return [None if place is None else self.values[place.number] for place in firsts]

    def key(self) -> Any:
        """Return a key by which the record can be compared with another."""
        steps = [(s.compute, _whole(s), frozen(s.args), frozen(s.kwargs), s.places, s.grad) for s in self.steps]
        places, spec = tree_flatten(self.outputs)
        return tuple(steps), tuple(places), str(spec)

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.reason or self._inside or func in _TOLD:
            return func(*args, **kwargs)
        args, kwargs = calls.first_by_position(args, kwargs)
        if func in _SIZES:
            return self._size(func, args, kwargs)
        overwriting = self._tried(self._overwriting, func, args, kwargs)
        out = func(*args, **kwargs)
        if not self.reason:
            self._tried(self._record, func, args, kwargs, out, overwriting)
        return out

    def _tried(self, work: Callable[..., Any], func: Any, *others: Any) -> Any:
        try:
            return work(func, *others)
        except NotSampleWise as why:
            path, kind = self._caller()
            self.reason = f"{path!r}: {kind} ({why})" if path and kind else str(why)

    def called(self, module: Any, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._inside or (self.reason and not isinstance(module, WholeSequence)):
            if not self._inside:
                self._count_call(module, (*args[1:], *kwargs.values()))
            return forward(module, *args, **kwargs)
        self._count_call(module, (*args[1:], *kwargs.values()))
        self._inside += 1
        top = torch._C._len_torch_function_stack() == self._depth
        if top:
            self.__exit__(None, None, None)  # otherwise every function of the neuron would pass through it
        try:
            return self._called_once(module, forward, args, kwargs)
        finally:
            if top:
                self.__enter__()
            self._inside -= 1

    def _called_once(
        self, module: Any, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        x = args[0] if args else next(iter(kwargs.values()), None)
        place = None if self.reason else self._tried(self._input, module, x, args, kwargs)
        self._called.add(module)
        if isinstance(module, WholeSequence) and isinstance(x, Tensor):
            out = module.of_one_step(forward, x)
        else:
            out = forward(module, *args, **kwargs)
        if not self.reason:
            places = tuple(self._add(tensor, of_step=True, own=False) for tensor in tree_leaves(out))
            path, kind, several = self.paths[module], type(module).__name__, isinstance(out, tuple)
            self.steps.append(Step(Neuron(), path, kind, (place,), {}, places, several, grad=self._mode()))
        return out

    def touched(self, module: Any, how: str) -> None:
        if not self._inside:
            super().touched(module, how)
            self.refused(f"forward {how} the state that {self.name(module)} keeps")

    def refused(self, why: str) -> None:
        self.reason = self.reason or why

    def _caller(self) -> tuple[str, str]:
        """Return the path of the module that calls a function, and its class if it is one of torch's."""
        frame: Any = sys._getframe(1)
        while frame is not None:
            owner = frame.f_locals.get("self")
            if isinstance(owner, nn.Module) and owner in self.paths:
                torchs = type(owner).__module__.startswith("torch.nn") and not isinstance(owner, nn.Sequential)
                return self.paths[owner], type(owner).__name__ if torchs else ""
            frame = frame.f_back
        return "", ""

    def _size(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        out = func(*args, **kwargs)
        tensor = args[0]
        number = self._places.get(id(tensor))
        if number is None or not self._of_step[number]:
            return out
        if isinstance(out, torch.Size):
            return torch.Size((self._rows(out[0]), *out[1:])) if out else out
        dim = args[1] if len(args) > 1 else kwargs.get("dim", 0)
        return self._rows(out) if func not in (Tensor.size,) or dim % tensor.dim() == 0 else out

    def _rows(self, count: int) -> Rows:
        def report() -> None:
            if not self.asserted:
                self.refused("forward computes with the batch size")

        self._sizes.append(Rows(count, report))
        return self._sizes[-1]

    def _record(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any, overwriting: Any) -> None:
        name = name_of(func)
        if name == "_set_grad_enabled":
            return  # each step of the plan sets its own mode
        if overwriting is not None:
            self._grad_fns[self._places[id(args[0])]] = args[0].grad_fn
            if kwargs.get("inplace"):
                kwargs = {**kwargs, "inplace": False}
            func = overwriting
        if name in READS:
            if not self.asserted:
                raise NotSampleWise(f"forward reads a value into Python ({name})")
            self.trusted = self.trusted or name
            return
        tensors = tensors_in((args, kwargs))
        if any(id(tensor) in self._unknown for tensor in tensors):
            self._unknown.update((id(tensor), tensor) for tensor in tensors_in(out))
            return
        is_of_step = any(map(self._is_of_step, tensors))
        if is_of_step:
            if is_random(func):
                self._random = self._random or name
            call = Call(func, args, kwargs, tensors, out, self.rows, self._is_of_step)
            compute = self._computed_by(call)
        elif tells_rows((args, kwargs)):
            raise NotSampleWise(f"'{name}' computes with the batch size")
        elif is_random(func):
            raise NotSampleWise(f"'{name}' draws random numbers")
        else:
            compute = Function(func)
        if overwriting is None and isinstance(out, Tensor) and id(out) in self._places:
            return  # it returns its argument itself
        several = not isinstance(out, Tensor)
        outs = tuple(out) if isinstance(out, tuple | list) else (out,)
        if not all(isinstance(tensor, Tensor) for tensor in outs):
            raise NotSampleWise(f"'{name}' is not known to act on each sample alone")
        if is_of_step and not all(tensor.dim() and len(tensor) == self.rows for tensor in outs):
            if self.asserted:  # the code may only read it
                self._unknown.update((id(tensor), tensor) for tensor in outs)
                return
            raise NotSampleWise(f"'{name}' does not return one row per sample")
        encoded, named = self._encoded(args), {key: self._encoded(value) for key, value in kwargs.items()}
        places = tuple(self._add(tensor, of_step=is_of_step, own=True) for tensor in outs)
        owners = (v.path.rpartition(".")[0] for v in (*encoded, *named.values()) if isinstance(v, Named))
        path, kind = self._caller() if self._describes else (next(owners, ""), "")
        step = Step(compute, path, kind or name, encoded, named, places, several, is_of_step, self._mode())
        self.steps.append(step)

    def _computed_by(self, call: Call) -> Function:
        try:
            return computed_by(call)
        except NotSampleWise:
            if not self.asserted:
                raise
            self.trusted = self.trusted or name_of(call.func)
            return Function(call.func)

    def _mode(self) -> bool | None:
        grad = torch.is_grad_enabled()
        return None if grad == self._with_grad else grad

    def _overwriting(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the function that computes the same without overwriting a tensor, which must belong to this step."""
        function = in_place_of(func, kwargs)
        if function is None:
            return None
        tensor = args[0]
        if isinstance(tensor, Tensor) and id(tensor) in self._named:
            path = self._named[id(tensor)][0]
            kind = "parameter" if path in dict(self._net.named_parameters(remove_duplicate=False)) else "buffer"
            raise NotSampleWise(f"forward changes the {kind} {path!r} while it runs")
        number = self._places.get(id(tensor))
        memory = None if number is None else memory_of(tensor)
        others = sum(memory_of(value) == memory for value in self.values)
        if number is None or not self._own[number] or not memory or others > 1 or self._mode() is not None:
            raise NotSampleWise(f"'{name_of(func)}' overwrites a tensor")
        self.values[number] = tensor.detach().clone()  # as it was; the tensor itself gets another number
        return function

    def _input(self, module: Any, x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Place:
        """Return the input of a neuron, which must be the output of a layer."""
        if module not in self.paths:
            raise NotSampleWise(f"forward calls a {type(module).__name__} that is not registered in the net")
        name = self.name(module)
        if module in self._called:
            raise NotSampleWise(f"{name} is called twice in one step")
        if isinstance(module, SpikingNeuron) and not (module.init_hidden or isinstance(module, WholeSequence)):
            raise NotSampleWise(f"{name} has init_hidden=False")
        if len(args) + len(kwargs) != 1 or not self._is_of_step(x):
            raise NotSampleWise(f"{name} is called with something other than the single output of a layer")
        return self._place(x)

    def _is_of_step(self, value: Any) -> bool:
        number = self._places.get(id(value))
        return number is not None and self._of_step[number]

    def _place(self, tensor: Any) -> Place:
        number = self._places[id(tensor)]
        if tensor.grad_fn is not self._grad_fns[number]:
            raise NotSampleWise("forward calls a function that defines its own gradient")
        return Place(number)

    def _add(self, tensor: Any, of_step: bool, own: bool) -> int:
        number = len(self.values)
        self.values.append(tensor)
        self._places[id(tensor)] = number
        self._of_step.append(of_step)
        self._grad_fns.append(tensor.grad_fn)
        self._own.append(own)
        return number

    def _encoded(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            if id(value) in self._places:
                return self._place(value)
            if id(value) in self._named:
                return Named(self._named[id(value)][0])
            if self._known.get(id(value)) is value or (self._fingerprint and self._fingerprint.holds(value)):
                return Held(value)
            raise NotSampleWise("forward uses a tensor that is neither the net's nor computed by torch's functions")
        if isinstance(value, Rows):
            return "rows"  # the computation of the call does not use it
        if isinstance(value, torch.Size):
            return tuple(map(self._encoded, value))
        if isinstance(value, list | tuple):
            return type(value)(map(self._encoded, value))
        return value

    def _output(self, leaf: Any) -> Place:
        if not isinstance(leaf, Tensor):
            raise NotSampleWise(f"the net returns a {type(leaf).__name__}")
        if not self._is_of_step(leaf):
            raise NotSampleWise("the net returns a tensor that has no batch axis")
        return self._place(leaf)


def _whole(step: Step) -> tuple[str, str] | None:
    """Return the path and class of the module that a step calls as a whole."""
    return (step.path, step.kind) if isinstance(step.compute, Whole) else None


def frozen(value: Any) -> Any:
    """Return a form of an argument that can be compared and hashed, in which 1, 1.0 and True differ."""
    if isinstance(value, dict):
        return tuple((key, frozen(item)) for key, item in sorted(value.items()))
    if isinstance(value, list | tuple):
        return type(value).__name__, *map(frozen, value)
    if isinstance(value, slice):
        return "slice", value.start, value.stop, value.step
    return type(value).__name__, value if isinstance(value, Hashable) else id(value)
