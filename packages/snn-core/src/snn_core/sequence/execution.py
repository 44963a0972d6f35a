"""Plans: the calls that run a net over a whole sequence, in order, each over all steps in its own way."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from copy import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from snn_core.engines.convolutions import ChannelsLast
from snn_core.engines.norms import batch_norm_of_steps
from snn_core.engines.products import is_compiled
from snn_core.engines.windows import wanting_windows
from snn_core.graph.folding import Folding
from snn_core.graph.node import flat
from snn_core.graph.planning import Record
from snn_core.graph.rules import Convolution, way_of
from snn_core.graph.steps import (
    BATCH_NORM,
    CONVOLUTIONS,
    DRAWS,
    NORMALIZES,
    ROWS,
    Function,
    Held,
    Mask,
    Named,
    Neuron,
    Normalization,
    Ones,
    Pass,
    Place,
    Step,
    TorchLayer,
    Way,
    Whole,
    computed,
)
from snn_core.neuron.kept_state import each
from snn_core.neuron.temporal import WATCH, Temporal
from snn_core.neuron.turns import States
from snn_core.neuron.whole_sequence import WholeSequence
from snn_core.sequence.concatenation import concatenated
from snn_core.sequence.loop import Ran
from snn_core.sequence.masks import Masks
from snn_core.sequence.ragged import run_ragged
from snn_core.sequence.uses import grouped, with_uses
from snn_core.sequence.values import Values, by_number
from snn_core.surrogate.step import EVERYWHERE, Surrogate

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
        # first what is the same in all steps, then random numbers, so that other calls on each step stay together
        ordered = sorted(steps, key=lambda step: (step.of_step, step.way != "ahead"))
        self.steps: tuple[Step, ...] = with_uses(ordered, self._outputs)
        self._fixed: frozenset[int] = frozenset(n for step in steps if not step.of_step for n in step.places)
        self.draws: bool = any(step.way == "ahead" for step in self.steps)
        self._groups, self._of_samples = grouped(self.steps, unsure=False), grouped(self.steps, unsure=True)
        values = [v for s in self.steps for v in flat((s.args, s.kwargs))]
        self.fits_lengths: bool = all(value.is_sure for value in values if isinstance(value, Ones))
        self.held: dict[int, Tensor] = {id(v.tensor): v.tensor for v in values if isinstance(v, Held)}
        self.holds_results: bool = any(tensor.grad_fn is not None for tensor in self.held.values())
        # A large matrix product gains from all steps at once. A convolution does not, and would write all its output to
        # memory before the next layer reads it back. A net that takes whole sequences cannot be cut.
        whole = any(isinstance(module, WholeSequence) for module in net.modules())
        self.gains_from_blocks: bool = not whole and any(isinstance(m, CONVOLUTIONS) for m in net.modules())
        self._image_bytes = 0  # size of a convolution's largest input or output for one sample; 0 if it is not known

    def sized(self, record: Record) -> Plan:
        """Return the plan for samples of the form that they have in a recorded step."""
        if not self.gains_from_blocks:
            return self
        convolutions = [step for step in self.steps if isinstance(step.compute, Convolution)]
        numbers = {number for step in convolutions for number in (*step.uses, *step.places)}
        images = [record.values[number] for number in numbers if record.is_of_step(number)]
        plan = copy(self)
        plan._image_bytes = max((-(-image.nbytes // record.rows) for image in images), default=0)
        return plan

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
            done, largest = 0, self._image_bytes * xs.shape[1]
            if not largest:  # the first step tells
                yield self._run(call, xs[:1], folding.part(0, 1), states, unchanging)
                done, largest = 1, layout.largest
            rest = xs[done:]
            if len(rest):
                count = math.ceil(len(rest) * largest / _BLOCK_BYTES)
                blocks = rest.tensor_split(min(max(count, 1), len(rest)))
                for block, here in folding.part(done, len(rest)).parts(blocks):
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
            if step.is_pure and not isinstance(step.compute, Neuron) and step.uses <= values.keys():
                _, out = computed(step, call, values)
                values.update(by_number(step, out))
                if type(call.modules[step.path]).__name__ == step.kind:
                    once.add(step.path)
            else:
                needed |= step.uses
        return {number: value if number in needed else None for number, value in values.items()}, frozenset(once)

    def _run(self, call: Pass, xs: Tensor, folding: Folding, states: States, unchanging: Mapping[int, Any]) -> Any:
        """Run some steps from the states, which become those after them."""
        watch = None if torch.compiler.is_compiling() else WATCH.get()
        values = Values(xs, folding, unchanging, self._fixed, watch is not None)
        for group in self._groups if folding.order is None else self._of_samples:
            if isinstance(group, list):
                _run_each(group, call, values, watch)
            elif not (unchanging and group.places[0] in unchanging):
                with nullcontext() if watch is None else watch.pausing():
                    args, out = _run(group, call, values, states)
                if watch is not None:
                    watch.ran(call.modules[group.path], group, args, out, folding)
                del args, out
            for step in group if isinstance(group, list) else (group,):
                for number in step.drops:
                    values.drop(number)
        return tree_unflatten([values.output(number) for number in self._outputs], self._spec)


def _run(step: Step, call: Pass, values: Values, states: States) -> tuple[list[Any], Any]:
    """Run a call over all steps at once, add its results to the values, and return its arguments and results."""
    if isinstance(step.compute, Neuron):
        return _run_neuron(step, call.modules[step.path], values, states)
    if isinstance(step.compute, Normalization):
        return _normalize(step, call.modules[step.path], values)
    args, out = computed(step, call, values.rows_of(step.uses))
    values.add(step, "rows", out)
    return args, out


def _run_each(steps: Sequence[Step], call: Pass, values: Values, watch: Any) -> None:
    """Run some calls on each step by itself, step after step."""
    inside = {number for step in steps for number in step.places}
    uses = {number for step in steps for number in step.uses} - inside
    after = set(inside) - {number for step in steps for number in step.drops}
    inputs = {number: values.steps(number) for number in uses}
    masks = {} if watch is not None else _masks(steps, call, values, after)
    outs: dict[int, list[Any]] = {number: [] for number in after - masks.keys()}
    for time, samples in enumerate(values.folding.samples(values.batch)):
        now: dict[int, Any] = {number: column[time] for number, column in inputs.items()}
        now[ROWS.number] = samples
        for step in steps:
            if step.places and step.places[0] in masks:
                masks[step.places[0]].draw(time)
                continue
            with nullcontext() if watch is None else watch.pausing():
                args, out = computed(step, call, now)
            now.update(by_number(step, out))
            if watch is not None:
                watch.ran(call.modules[step.path], step, args, out, values.folding.part(time, 1))
            for number in step.drops:
                now.pop(number, None)
        for number, column in outs.items():
            column.append(now[number])
    for number, column in outs.items():
        values.add_steps(number, column)
    for step in steps:
        if step.places and step.places[0] in masks:
            values.add(step, "sequence", masks[step.places[0]].finished())


def _masks(steps: Sequence[Step], call: Pass, values: Values, after: set[int]) -> dict[int, Masks]:
    """Return the masks, by number, that calls on each step by itself draw for calls behind them alone."""
    if values.folding.order is not None:
        return {}
    inside = {number for step in steps for number in step.uses}
    masks = {
        step.places[0]: Masks.of(step, call, values.batch, values.folding.steps)
        for step in steps
        if step.way == "ahead" and len(step.places) == 1
    }
    return {number: mask for number, mask in masks.items() if mask is not None and number in after - inside}


def _run_neuron(step: Step, module: Any, values: Values, states: States) -> tuple[list[Any], Any]:
    """Run a module with a state, add its results to the values, and return its arguments and results."""
    (place,), folding = step.args, values.folding
    with torch.set_grad_enabled(torch.is_grad_enabled() and step.grad is not False):
        if folding.order is None:
            with wanting_windows() if step.feeds_product and _has_window(module) else nullcontext():
                out, kept = module.run_steps(values.sequence(place.number), states[module])
            out = values.add(step, "sequence", out)
        else:
            rows = values.rows_of((place.number,))[place.number]
            out, kept = run_ragged(module, rows, states[module], folding)
            values.add(step, "rows", out)
    states[module] = None if isinstance(module, WholeSequence) else kept
    return [values.seen(place.number)], out


def _has_window(module: Any) -> bool:
    """Return True if the spikes of a neuron have no gradient outside of an interval, and nothing asks for it there."""
    if torch.compiler.is_compiling() or WATCH.get() is not None:
        return False
    surrogate = getattr(module, "spike_grad", None)
    return isinstance(surrogate, Surrogate) and surrogate.support != EVERYWHERE


def _normalize(step: Step, module: Any, values: Values) -> tuple[list[Any], Any]:
    """Run a batch norm layer in training, which normalizes the samples of each step."""
    (place,) = step.args
    with torch.set_grad_enabled(torch.is_grad_enabled() and step.grad is not False):
        if values.folding.order is None:
            out = batch_norm_of_steps(values.sequence(place.number), module)
            out = values.add(step, "sequence", out)
        else:
            values.add_steps(step.places[0], [BATCH_NORM(module, x) for x in values.steps(place.number)])
            out = values.seen(step.places[0])
    return [values.seen(place.number)], out


def in_order(net: nn.Module, modules: Sequence[tuple[str, nn.Module]], forms: Mapping[str, Ones]) -> Plan:
    """Return the plan of a net that calls modules in order, each with the output of the one before.

    The modules are given by path, and so are the forms of the input of those that draw random numbers.
    """
    steps: list[Step] = []
    last = 0
    for path, module in modules:
        kind, args = type(module).__name__, (Place(last),)
        if path in forms:
            steps.append(Step(Mask(), path, kind, (forms[path],), {}, (last + 1,), way="ahead", why=DRAWS))
            steps.append(Step(Function(torch.mul), path, kind, (*args, Place(last + 1)), {}, (last + 2,)))
            last += 2
            continue
        compute: Whole = Neuron() if isinstance(module, Temporal) else TorchLayer()
        way: Way = "rows" if isinstance(module, Temporal) else way_of(module)
        if way == "sequence":
            compute = Normalization()
        steps.append(Step(compute, path, kind, args, {}, (last + 1,), way=way, why=NORMALIZES if way != "rows" else ""))
        last += 1
    return Plan(steps, Place(last), net)
