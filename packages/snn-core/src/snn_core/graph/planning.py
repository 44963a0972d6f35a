"""The reading of a recorded step for a plan: how each of its calls may run over all steps, or why none may."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_unflatten

from snn_core.effects.fingerprint import Fingerprint
from snn_core.effects.reads import READS, name_of
from snn_core.graph.calls import tells_rows, without_inplace
from snn_core.graph.changes import Changes
from snn_core.graph.drawing import add_draw
from snn_core.graph.keys import key_of
from snn_core.graph.listing import Listing
from snn_core.graph.node import Node, tensors_in
from snn_core.graph.observed import Observed
from snn_core.graph.recorder import Recorder
from snn_core.graph.rules import computed_by
from snn_core.graph.steps import NORMALIZES, Function, Normalization, NotSampleWise, Overwriting, Place, Step, Way
from snn_core.graph.ways import settled
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neuron.whole_sequence import WholeSequence


class Record(Recorder):
    """A record of one step of a net, from which a plan may run all steps.

    ``reason`` says why the record cannot run all steps; it is empty if it can.

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
        super().__init__(net)
        self.reason = "" if x.dim() else "the input has no axis but time"
        self.trusted: str = ""  # the first function that was assumed to act on each sample alone
        self.outputs: Any = None
        self.rows: int = len(x) if x.dim() else 1
        self.asserted = trusts
        fingerprint = Fingerprint(net) if known is None else None
        parameters = list(net.named_parameters(remove_duplicate=False))
        buffers = list(net.named_buffers(remove_duplicate=False))
        self._observed = Observed([*parameters, *buffers], x, fingerprint, known)
        self.values: list[Any] = self._observed.tensors  # by number
        self.changes: Changes = Changes(net, buffers, self._observed, fingerprint)
        self._listing = Listing(self._observed, self.caller if describes else None)
        self.steps: list[Step] = self._listing.steps
        self._unknown: dict[int, Tensor] = {}  # values that do not have one row per sample
        self._called: set[Any] = set()

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
        return key_of(self.steps, self.outputs)

    def size(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return self._observed.size(func, args, kwargs)

    def begin(self, node: Node) -> bool:
        if self.changes.counts_a_batch(node.func, node.args):
            return False
        node.of_step = frozenset(id(tensor) for tensor in node.tensors if self._observed.is_of_step(tensor))
        self._tried(self.changes.before, node)
        return True

    def end(self, node: Node) -> None:
        self.changes.after(node)
        self._tried(self._read, node)

    def touched(self, module: Any, how: str) -> None:
        if not self._inside:
            super().touched(module, how)
            self.refused(f"forward {how} the state that {self.name(module)} keeps")

    def called(self, module: Any, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._inside:
            return forward(module, *args, **kwargs)
        self._count_call(module, (*args[1:], *kwargs.values()))
        if self.reason and not isinstance(module, WholeSequence):
            return forward(module, *args, **kwargs)
        self.enter()
        try:
            return self._called_once(module, forward, args, kwargs)
        finally:
            self.leave()

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
            self._listing.add_neuron(self._owner(module), place, out, fact)
        return out

    def _tried(self, work: Callable[..., Any], *args: Any) -> Any:
        try:
            return work(*args)
        except NotSampleWise as why:
            path, kind = self.caller()
            self.reason = f"{path!r}: {kind} ({why})" if path and kind else str(why)

    def _read(self, node: Node) -> None:
        """Decide how a call of a function runs over all steps."""
        if name_of(node.func) == "_set_grad_enabled":
            return  # each step of the plan sets its own mode
        if isinstance(node.out, torch.dtype | torch.device):
            return  # it tells nothing of values
        if name_of(node.func) in READS:
            if not self.asserted:
                raise NotSampleWise(f"forward reads a value into Python ({name_of(node.func)})")
            self.trusted = self.trusted or name_of(node.func)
            return
        if any(id(tensor) in self._unknown for tensor in node.tensors):
            self._unknown.update((id(tensor), tensor) for tensor in tensors_in(node.out))
            return
        if node.twin is not None:
            self._observed.overwritten(node.args[0])
        module = self.changes.normalized_by(node)
        changes = self.changes.expected(node.written)
        if module is not None:
            owner = self._owner(module)
            self._listing.add(Normalization(), node, (node.args[0],), {}, "sequence", NORMALIZES, changes, owner)
        elif node.written and not changes and node.twin is None:
            raise NotSampleWise(f"{node.name} overwrites a tensor")
        elif node.draws:
            add_draw(self._listing, node)
        elif changes:
            named = ", ".join(repr(path) for path in sorted(changes))
            self._listing.add(Function(node.func), node, node.args, node.kwargs, "each", f"changes {named}", changes)
        else:
            self._read_pure(node)

    def _read_pure(self, node: Node) -> None:
        """Decide how a call runs that draws no random numbers and changes no buffer."""
        if node.twin is None and isinstance(node.out, Tensor) and self._observed.has(node.out):
            return  # it returns its argument itself
        compute: Any = node.twin if isinstance(node.twin, Overwriting) else Function(node.twin or node.func)
        (args, kwargs), why = without_inplace(node), ""
        way: Way = "rows"
        if isinstance(node.twin, Overwriting):
            way, why = "each", f"{node.name} overwrites a tensor"
        elif node.of_step or tells_rows((args, kwargs)):
            try:
                compute = self._over_rows(node)
            except NotSampleWise as reason:
                way, why = "each", str(reason)
                if self.asserted:
                    self.trusted, way = self.trusted or name_of(node.func), "rows"
                    if not all(tensor.dim() and len(tensor) == self.rows for tensor in node.results()):
                        self._unknown.update((id(tensor), tensor) for tensor in node.results())
                        return  # the code may only read it
        self._listing.add(compute, node, args, kwargs, way, why)

    def _over_rows(self, node: Node) -> Function:
        """Return what computes a call on all rows at once, whose arguments and results must have equally many."""
        rows = computed_by(node if node.twin is None else replace(node, func=node.twin))
        tensors = [tensor for tensor in node.tensors if node.is_of_step(tensor)] + node.results()
        if not all(tensor.dim() and tensor.shape[0] == len(tensors[0]) for tensor in tensors):
            raise NotSampleWise(f"{node.name} does not return one row per sample")
        return rows

    def _owner(self, module: Any) -> tuple[str, str]:
        return self.paths[module], type(module).__name__

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
