"""A record of a step of a net on real tensors: the calls that it makes, and how each may run over all steps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

from snn_core.effects.contents import version_of
from snn_core.effects.fingerprint import Fingerprint
from snn_core.effects.reads import READS, name_of
from snn_core.graph import calls, draws
from snn_core.graph.calls import Call, in_place_of, tells_rows, tensors_in
from snn_core.graph.changes import Changes
from snn_core.graph.observed import Fact, Observed
from snn_core.graph.rules import computed_by, is_known
from snn_core.graph.steps import (
    DRAWS,
    NORMALIZES,
    Function,
    Named,
    Neuron,
    Normalization,
    NotSampleWise,
    Ones,
    Overwriting,
    Place,
    Step,
    Way,
    Whole,
)
from snn_core.graph.watching import Watch
from snn_core.graph.ways import settled
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
    *_getters("ndim", "dtype", "device", "is_cuda", "is_meta", "layout", "itemsize", "requires_grad", "is_nested"),
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
        self.outputs: Any = None
        self.rows: int = len(x) if x.dim() else 1
        self._net = net
        self.asserted = trusts
        self._describes = describes
        self._with_grad = torch.is_grad_enabled()
        self._inside = 0  # calls of neurons, whose own functions are not recorded
        self._depth = 0  # the number of function modes, up to this one
        self._unknown: dict[int, Tensor] = {}  # values that do not have one row per sample
        self._called: set[Any] = set()
        fingerprint = Fingerprint(net) if known is None else None
        parameters = list(net.named_parameters(remove_duplicate=False))
        buffers = list(net.named_buffers(remove_duplicate=False))
        self._observed = Observed([*parameters, *buffers], x, fingerprint, known)
        self.values: list[Any] = self._observed.tensors  # by number
        self.changes: Changes = Changes(net, buffers, fingerprint)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record the calls within a block."""
        with self.watching(), self:
            self._depth = torch._C._len_torch_function_stack()
            yield

    def finish(self, outputs: list[Any], spec: Any) -> None:
        """Take the leaves and the structure of the net's output when the step is over."""
        changed = self.changes.others()
        if changed.startswith("draws") and self.reason.startswith("forward reads a value"):
            self.reason = ""
        if changed and not self.reason.startswith("forward"):
            self.reason = f"forward {changed}"
        if not self.reason:
            self.outputs = self._tried(tree_unflatten, map(self._output, outputs), spec)
        if not self.reason:
            self.steps = self._tried(settled, self.steps) or []

    def may_count(self) -> bool:
        """Return True if the record may hold only for this number of samples, because the code has read it.

        Code not written in Python, such as ``str``, ``range`` or ``len``, reads a number without leaving a trace.
        """
        return not self.asserted and self._observed.may_count()

    def is_of_step(self, number: int) -> bool:
        """Return True for a value that is computed again in every step."""
        return self._observed.fact(number).of_step

    def inputs(self) -> list[Tensor | None]:
        """Return the input of each call."""
        firsts = (next((v for v in s.args if isinstance(v, Place)), None) for s in self.steps)
        return [None if place is None else self.values[place.number] for place in firsts]

    def key(self) -> Any:
        """Return a key by which the record can be compared with another."""
        steps = [(s.compute, _whole(s), frozen(s.args), frozen(s.kwargs), s.places, s.way, s.grad) for s in self.steps]
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
            return self._observed.size(func, args, kwargs)
        if self.changes.counts_a_batch(func, args):
            return func(*args, **kwargs)
        target = self._tried(self._target, func, args, kwargs)
        tensors = tensors_in((args, kwargs))
        may_draw, is_pure = draws.may_draw(func), is_known(func) and target is None
        numbers = self.changes.before_drawing(tensors) if may_draw else []
        versions = [] if is_pure else list(map(version_of, tensors))
        out = func(*args, **kwargs)
        if not self.reason:
            drew = may_draw and self.changes.has_drawn(numbers, tensors)
            written = [t for t, version in zip(tensors, versions, strict=False) if version_of(t) != version]
            result = args[0] if target is not None else out  # __setitem__ returns nothing
            call = Call(func, args, kwargs, tensors, result, self.rows, self._observed.is_of_step)
            self._tried(self._record, call, target, drew, written)
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
        if isinstance(place, Place) and not self.reason:
            fact = replace(self._observed.fact(place.number), own=False, after_neuron=True)
            places = tuple(self._observed.add(tensor, fact) for tensor in tree_leaves(out))
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

    def _record(self, call: Call, target: Any, drew: bool, written: list[Tensor]) -> None:
        if name_of(call.func) == "_set_grad_enabled":
            return  # each step of the plan sets its own mode
        if isinstance(call.out, torch.dtype | torch.device):
            return  # it tells nothing of values
        if name_of(call.func) in READS:
            if not self.asserted:
                raise NotSampleWise(f"forward reads a value into Python ({name_of(call.func)})")
            self.trusted = self.trusted or name_of(call.func)
            return
        if any(id(tensor) in self._unknown for tensor in call.tensors):
            self._unknown.update((id(tensor), tensor) for tensor in tensors_in(call.out))
            return
        if target is not None:
            self._observed.overwritten(call.args[0])
        module = self.changes.normalized_by(call)
        changes = self.changes.expected(written)
        if module is not None:
            self._append(Normalization(), call, (call.args[0],), {}, "sequence", NORMALIZES, changes, module=module)
        elif written and not changes and target is None:
            raise NotSampleWise(f"{call.name} overwrites a tensor")
        elif drew:
            self._draw(call, target)
        elif changes:
            named = ", ".join(repr(path) for path in sorted(changes))
            self._append(Function(call.func), call, call.args, call.kwargs, "each", f"changes {named}", changes)
        else:
            self._call(call, target)

    def _call(self, call: Call, target: Any) -> None:
        """Record a call that draws no random numbers and changes no buffer."""
        if target is None and isinstance(call.out, Tensor) and self._observed.has(call.out):
            return  # it returns its argument itself
        compute: Any = target if isinstance(target, Overwriting) else Function(target or call.func)
        (args, kwargs), why = calls.without_inplace(call), ""
        way: Way = "rows"
        if isinstance(target, Overwriting):
            way, why = "each", f"{call.name} overwrites a tensor"
        elif any(map(call.is_of_step, call.tensors)) or tells_rows((args, kwargs)):
            try:
                rows = computed_by(replace(call, func=target or call.func))
                self._must_keep_rows(call)
                compute = rows
            except NotSampleWise as reason:
                way, why = "each", str(reason)
                if self.asserted:
                    self.trusted, way = self.trusted or name_of(call.func), "rows"
                    if not all(tensor.dim() and len(tensor) == self.rows for tensor in self._outs(call)):
                        self._unknown.update((id(tensor), tensor) for tensor in self._outs(call))
                        return  # the code may only read it
        self._append(compute, call, args, kwargs, way, why)

    def _must_keep_rows(self, call: Call) -> None:
        """Refuse a call on all rows at once unless its arguments and results have equally many rows."""
        tensors = [tensor for tensor in call.tensors if call.is_of_step(tensor)] + self._outs(call)
        if not all(tensor.dim() and tensor.shape[0] == len(tensors[0]) for tensor in tensors):
            raise NotSampleWise(f"{call.name} does not return one row per sample")

    def _draw(self, call: Call, target: Any) -> None:
        """Record a call that draws random numbers, whose numbers are drawn before the run."""
        if call.kwargs.get("generator") is not None:
            raise NotSampleWise(f"{call.name} draws random numbers from a generator of its own")
        compute: Any = target if isinstance(target, Overwriting) else Function(call.func)
        of_step = [tensor for tensor in call.tensors if call.is_of_step(tensor)]
        args, kwargs = calls.without_inplace(call)
        observed, fact = self._observed, Fact(of_step=True, own=False, by_sample=False, after_neuron=False)
        path, kind = self._named_caller(call)
        if draws.is_mask(call):
            x, is_of_step = call.tensors[0], bool(of_step)
            by_sample = is_of_step and observed.fact(x).by_sample
            place = Place(observed.add(None, replace(fact, by_sample=by_sample)))
            mask = Ones.like(x, by_sample, is_of_step), *draws.mask_options(call)
            self.steps.append(Step(compute, path, kind, mask, {}, (place.number,), way="ahead", why=DRAWS))
            way: Way = "rows" if is_of_step and x.dim() else "each"
            self._append(Function(torch.mul), call, (x, place), {}, way, "" if way == "rows" else DRAWS)
        elif draws.is_free(call.func, call.args, call.kwargs):
            forms = {name: observed.forms(value) for name, value in kwargs.items()}
            self._append(compute, call, observed.forms(args), forms, "ahead", DRAWS, after_neuron=False)
        elif not any(observed.fact(tensor).after_neuron for tensor in of_step):
            self._append(compute, call, args, kwargs, "ahead", DRAWS)
        elif draws.draws_by_form(call.func):
            place = Place(observed.add(None, fact))
            ones = observed.encoded(observed.forms(args), "ahead")
            forms = {name: observed.encoded(observed.forms(value), "ahead") for name, value in kwargs.items()}
            before = draws.StateBefore(compute)
            self.steps.append(Step(before, path, kind, ones, forms, (place.number,), way="ahead", why=DRAWS))
            self._append(draws.Replayed(compute), call, (place, *args), kwargs, "each", DRAWS)
        else:
            raise NotSampleWise(f"{call.name} draws random numbers that depend on the output of a neuron")

    def _outs(self, call: Call) -> list[Tensor]:
        leaves = tree_leaves(call.out)
        if not all(isinstance(leaf, Tensor | None) for leaf in leaves):
            raise NotSampleWise(f"{call.name} returns something other than tensors")
        return [leaf for leaf in leaves if leaf is not None]

    def _append(
        self,
        compute: Any,
        call: Call,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        way: Way,
        why: str,
        changes: frozenset[str] = frozenset(),
        module: Any = None,
        after_neuron: bool | None = None,
    ) -> None:
        """Record a call that runs in some way."""
        if name_of(call.func) in calls.BY_VALUES or calls.picks_by_values(call):
            raise NotSampleWise(f"{call.name} returns a tensor whose shape depends on values")
        observed = self._observed
        facts = [observed.fact(tensor) for tensor in call.tensors if observed.is_of_step(tensor)]
        of_step = way != "rows" or bool(facts) or tells_rows((call.args, call.kwargs))
        self._outs(call)
        encoded = observed.encoded(args, way)
        named = {key: observed.encoded(value, way) for key, value in kwargs.items()}
        by_sample = bool(facts) and all(fact.by_sample for fact in facts)
        after = any(fact.after_neuron for fact in facts) if after_neuron is None else after_neuron
        keeps = way in ("rows", "sequence") or name_of(call.func) in draws.ELEMENTWISE
        fact = Fact(of_step, own=True, by_sample=by_sample and keeps, after_neuron=after)
        in_buffer = bool(changes) and module is None and observed.is_named(call.out)
        places = () if in_buffer else tuple(observed.add(tensor, fact) for tensor in tree_leaves(call.out))
        if module is not None:
            path, kind = self.paths[module], type(module).__name__
        else:
            path, kind = self._named_caller(call, (*encoded, *named.values()))
        several, unsure = not isinstance(call.out, Tensor), of_step and not by_sample
        step = compute, path, kind, encoded, named, places, several, of_step, way, why, changes, unsure, self._mode()
        self.steps.append(Step(*step))

    def _named_caller(self, call: Call, values: tuple[Any, ...] = ()) -> tuple[str, str]:
        """Return the path of the module that makes a call, or owns its tensors, and the name of the function."""
        owners = (v.path.rpartition(".")[0] for v in values if isinstance(v, Named))
        path, kind = self._caller() if self._describes else (next(owners, ""), "")
        return path, kind or name_of(call.func)

    def _mode(self) -> bool | None:
        grad = torch.is_grad_enabled()
        return None if grad == self._with_grad else grad

    def _target(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the function that computes the same without overwriting a tensor, which must belong to this step.

        None if the call overwrites nothing, or a buffer of the net.
        """
        if func in _NORMALIZING and (kwargs.get("training") or kwargs.get("use_input_stats")):
            for tensor in tensors_in((args, kwargs)):
                if self.changes.is_buffer(tensor):
                    self.changes.expect(tensor)
            return None
        function = in_place_of(func, args, kwargs)
        if function is None:
            return None
        tensor = args[0] if kwargs.get("out") is None else kwargs["out"]
        if self._observed.is_named(tensor):
            self.changes.expect(tensor)
            return None
        # without gradients, the tensor keeps its place in the graph, which another one would not have
        if tensor is not args[0] or (tensor.requires_grad and self._mode() is not None):
            raise NotSampleWise(f"'{name_of(func)}' overwrites a tensor")
        self._observed.overwrite(tensor, name_of(func))
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
        if len(args) + len(kwargs) != 1 or not self._observed.is_of_step(x):
            raise NotSampleWise(f"{name} is called with something other than the single output of a layer")
        return self._observed.place(x)

    def _output(self, leaf: Any) -> Place:
        if not isinstance(leaf, Tensor):
            raise NotSampleWise(f"the net returns a {type(leaf).__name__}")
        if not self._observed.is_of_step(leaf):
            raise NotSampleWise("the net returns a tensor that has no batch axis")
        return self._observed.place(leaf)


_NORMALIZING = (F.batch_norm, F.instance_norm)


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
