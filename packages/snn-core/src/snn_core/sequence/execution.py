"""Plans: the calls that run a net over a whole sequence, in order, each over all steps at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from snn_core.engines.convolutions import ChannelsLast
from snn_core.engines.fused import repeated
from snn_core.engines.products import is_compiled
from snn_core.graph.folding import Folding
from snn_core.graph.steps import CONVOLUTIONS, Held, Named, Neuron, Pass, Place, Step, TorchLayer, Whole, computed, flat
from snn_core.neuron.kept_state import each
from snn_core.neuron.temporal import WATCH, Temporal
from snn_core.neuron.turns import States
from snn_core.neuron.whole_sequence import WholeSequence
from snn_core.sequence.concatenation import concatenated
from snn_core.sequence.loop import Ran
from snn_core.sequence.ragged import run_ragged

# size of a convolution's input or output; from 32 MB on, glibc asks the system for the memory of every single tensor
_BLOCK_BYTES = 24 * 2**20


class Plan:
    """The calls of a net over many steps.

    Args:
        steps: The calls, in order.
        outputs: The net's outputs, as a tree of :class:`Place`.
        net: The net.
    """

    def __init__(self, steps: Sequence[Step], outputs: Any, net: nn.Module) -> None:
        places, self._spec = tree_flatten(outputs)
        self._outputs = [place.number for place in places]
        self.steps: tuple[Step, ...] = _with_uses(steps, self._outputs)
        self._fixed: frozenset[int] = frozenset(n for step in steps if not step.of_step for n in step.places)
        values = (v for s in self.steps for v in flat((s.args, s.kwargs)))
        self.held: dict[int, Tensor] = {id(v.tensor): v.tensor for v in values if isinstance(v, Held)}
        self.holds_results: bool = any(tensor.grad_fn is not None for tensor in self.held.values())
        # A large matrix product gains from all steps at once. A convolution does not, and would write all its output to
        # memory before the next layer reads it back. A net that takes whole sequences cannot be cut.
        whole = any(isinstance(module, WholeSequence) for module in net.modules())
        self.gains_from_blocks: bool = not whole and any(isinstance(m, CONVOLUTIONS) for m in net.modules())

    def fits(self, net: nn.Module) -> bool:
        """Return True if a net has all modules and tensors that the plan names."""
        modules = dict(net.named_modules(remove_duplicate=False))
        if any(type(modules.get(s.path)).__name__ != s.kind for s in self.steps if isinstance(s.compute, Whole)):
            return False
        names = {v.path for s in self.steps for v in flat((s.args, s.kwargs)) if isinstance(v, Named)}
        tensors = {path for path, _ in net.named_parameters(remove_duplicate=False)}
        return names <= tensors | {path for path, _ in net.named_buffers(remove_duplicate=False)}

    def run(self, net: nn.Module, xs: Tensor, folding: Folding, states: States) -> Ran:
        """Run all steps in one call of each layer, or in blocks of steps if that is faster; a ``Run``."""
        states = dict(states)
        call = Pass(net, dict(net.named_modules(remove_duplicate=False)), None, {})
        if not self.gains_from_blocks or torch.compiler.is_compiling() or any(map(is_compiled, call.modules.values())):
            unchanging, once = self._unchanging(call, xs, folding)
            return Ran(self._run(call, xs, folding, states, unchanging), states, call.products, once)
        unchanging, once = self._unchanging(call._replace(layout=ChannelsLast()), xs, folding)
        layout = ChannelsLast()
        call = call._replace(layout=layout)

        def outs() -> Iterator[Any]:
            yield self._run(call, xs[:1], folding.part(0, 1), states, unchanging)
            rest = xs[1:]
            if len(rest):
                count = math.ceil(len(rest) * layout.largest / _BLOCK_BYTES)
                blocks = rest.tensor_split(min(max(count, 1), len(rest)))
                for block, here in folding.part(1, len(rest)).parts(blocks):
                    yield self._run(call, block, here, states, unchanging)

        out = tree_map(Tensor.contiguous, concatenated(outs(), len(xs)))
        # a convolution may have changed the layout of the states behind it
        return Ran(out, {m: each(Tensor.contiguous, s) for m, s in states.items()}, call.products, once)

    def _unchanging(self, call: Pass, xs: Tensor, folding: Folding) -> tuple[dict[int, Any], frozenset[str]]:
        """Return, by number, the values of one step that are the same in every step, as the input is one step expanded.

        There are none if the input may differ from step to step, or if something watches the output of each layer or
        asks for the gradients of each step's input. The paths are those of the layers that computed them.
        """
        if torch.compiler.is_compiling() or WATCH.get() is not None or folding.order is not None:
            return {}, frozenset()
        if xs.dim() < 2 or len(xs) < 2 or xs.stride(0) != 0 or (xs.requires_grad and torch.is_grad_enabled()):
            return {}, frozenset()
        values: dict[int, Any] = {0: xs[0]}
        needed, once = {*self._outputs}, set()
        for step in self.steps:
            if not isinstance(step.compute, Neuron) and step.uses <= values.keys():
                _, out = computed(step, call, values)
                values.update(_by_number(step, out))
                if type(call.modules[step.path]).__name__ == step.kind:
                    once.add(step.path)
            else:
                needed |= step.uses
        return {number: value if number in needed else None for number, value in values.items()}, frozenset(once)

    def _run(self, call: Pass, xs: Tensor, folding: Folding, states: States, unchanging: Mapping[int, Any]) -> Any:
        """Run some steps from the states, which become those after them."""
        watch = None if torch.compiler.is_compiling() else WATCH.get()
        values = _Values(xs, folding, unchanging, self._fixed, watch is not None)
        for step in self.steps:
            if unchanging and step.places[0] in unchanging:
                continue
            if isinstance(step.compute, Neuron):
                args, out = _run_neuron(step, call.modules[step.path], values, states)
            else:
                args, out = computed(step, call, values.rows_of(step.uses))
                values.rows.update(_by_number(step, out))
            if watch is not None:
                watch.ran(call.modules[step.path], step, args, out, folding)
            del args, out
            for number in step.drops:
                values.drop(number)
        return tree_unflatten([values.output(number) for number in self._outputs], self._spec)


class _Values:
    """The values of all steps by number, as rows or, if a neuron computed them, as sequences ``[T, batch, ...]``.

    Args:
        xs: The input ``[T, batch, ...]``.
        folding: The order of the rows.
        unchanging: The values of one step by number, where they are the same in every step.
        fixed: The numbers of values that are not rows.
        are_seen: True if something sees the rows, and may ask for their gradients, so that nothing may use another
            form of them.
    """

    def __init__(
        self, xs: Tensor, folding: Folding, unchanging: Mapping[int, Any], fixed: frozenset[int], are_seen: bool
    ) -> None:
        self.folding = folding
        self.rows: dict[int, Any] = {}
        self._sequences: dict[int, Any] = {}
        self._unchanging, self._fixed = unchanging, fixed
        self._by_rows = are_seen or folding.order is not None
        self._count: int | None = None  # of rows, where samples have different lengths
        if self._by_rows:
            self.rows[0] = folding.fold(xs)
            self._count = self.rows[0].shape[0]
        elif not unchanging:
            self._sequences[0] = xs

    def rows_of(self, numbers: Iterable[int]) -> dict[int, Any]:
        """Return values as rows; a value that is the same in every step is expanded."""
        for number in numbers:
            if number not in self.rows:
                value = self._unchanging.get(number)
                as_it_is = number in self._fixed or not isinstance(value, Tensor | None)
                self.rows[number] = value if as_it_is else self.sequence(number).flatten(0, 1)
        return self.rows

    def sequence(self, number: int) -> Tensor:
        """Return a value as ``[T, batch, ...]``."""
        if number in self._sequences:
            return self._sequences[number]
        if number in self._unchanging:
            return repeated(self._unchanging[number], self.folding.steps)
        rows, steps = self.rows[number], self.folding.steps
        return rows.unflatten(0, (steps, rows.shape[0] // steps))

    def add_sequences(self, step: Step, out: Any) -> Any:
        """Add the results ``[T, batch, ...]`` of a step, and return them in the form in which they are added."""
        out = self.folding.rows(out) if self._by_rows else out
        (self.rows if self._by_rows else self._sequences).update(_by_number(step, out))
        return out

    def drop(self, number: int) -> None:
        """Forget a value that nothing needs any more."""
        self.rows.pop(number, None)
        self._sequences.pop(number, None)

    def output(self, number: int) -> Any:
        """Return an output of the net, ``[T, batch, ...]``."""
        if number in self._sequences:
            return self._sequences[number]
        return self.folding.outputs(self.rows_of((number,))[number], self._count)


def _run_neuron(step: Step, module: Any, values: _Values, states: States) -> tuple[list[Any], Any]:
    """Run a module with a state, add its results to the values, and return its arguments and results."""
    (place,), folding = step.args, values.folding
    with torch.set_grad_enabled(torch.is_grad_enabled() and step.grad is not False):
        if folding.order is None:
            out, kept = module.run_steps(values.sequence(place.number), states[module])
            out = values.add_sequences(step, out)
        else:
            out, kept = run_ragged(module, values.rows[place.number], states[module], folding)
            values.rows.update(_by_number(step, out))
    states[module] = None if isinstance(module, WholeSequence) else kept
    return [values.rows.get(place.number)], out


def _by_number(step: Step, out: Any) -> Iterator[tuple[int, Any]]:
    """Return the results of a step by number."""
    return zip(step.places, tree_leaves(out) if step.several else (out,), strict=True)


def in_order(net: nn.Module, modules: Sequence[tuple[str, nn.Module]]) -> Plan:
    """Return the plan of a net that calls modules in order, each with the output of the one before.

    The modules are given by path.
    """
    steps = []
    for number, (path, module) in enumerate(modules):
        compute = Neuron() if isinstance(module, Temporal) else TorchLayer()
        steps.append(Step(compute, path, type(module).__name__, (Place(number),), {}, (number + 1,)))
    return Plan(steps, Place(len(steps)), net)


def _with_uses(steps: Sequence[Step], outputs: Sequence[int]) -> tuple[Step, ...]:
    """Return the same steps, each with the values that it uses and the values that nothing after it needs."""
    needed = {*outputs}
    last_first: list[Step] = []
    for step in reversed(steps):
        uses = frozenset(v.number for v in flat((step.args, step.kwargs)) if isinstance(v, Place))
        drops = tuple(sorted((uses | {*step.places}) - needed))
        needed |= uses
        last_first.append(replace(step, uses=uses, drops=drops))
    return tuple(reversed(last_first))
