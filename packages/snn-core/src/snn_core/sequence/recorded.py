"""Nets with code of their own: the first steps are recorded, and a confirmed record runs the rest."""

from __future__ import annotations

import weakref
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves

from snn_core.effects.copies import copied
from snn_core.effects.fingerprint import Walk
from snn_core.effects.random_states import RandomStates
from snn_core.engines.fused import fits
from snn_core.graph.folding import Folding
from snn_core.graph.node import flat
from snn_core.graph.planning import Record
from snn_core.graph.steps import Neuron, Pass, Place, Step, hooked, modes, value_of
from snn_core.neuron.makeup import Makeup
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neuron.temporal import reset, temporal
from snn_core.neuron.turns import Holding
from snn_core.neuron.whole_sequence import WholeSequence
from snn_core.sequence.execution import Plan
from snn_core.sequence.layers import reason_of
from snn_core.sequence.loop import Loop
from snn_core.sequence.schedule import Schedule, autocast_of, described

FEW = 3  # this many steps or fewer are as fast one after another
_CHECKED = 2  # steps that are recorded and compared before a plan is trusted
_SAMPLES = 2  # on which a net whose code is known takes a step; a single one, code may take for no axis
_MOST = 16  # trusted plans of a net, so that a net that changes at every call does not fill the memory


@dataclass
class _Believed:
    """The plans of a net that have been compared with the loop, and the options with which its code was looked at.

    ``counts`` are those with which its code may compute with the number of samples.
    """

    plans: dict[Any, Plan] = field(default_factory=dict)  # by the record of a step
    options: set[Hashable] = field(default_factory=set)
    counts: set[Hashable] = field(default_factory=set)

    def held(self) -> dict[int, Tensor]:
        """Return the tensors that the plans hold, by identity."""
        return {identity: tensor for plan in self.plans.values() for identity, tensor in plan.held.items()}

    def add(self, options: Hashable, key: Any, plan: Plan) -> None:
        """Believe a plan, and that with these options the code of the net changes nothing else."""
        if plan.holds_results:  # they belong to this call, and would keep their graph alive
            return
        if key not in self.plans and len(self.plans) == _MOST:
            del self.plans[next(iter(self.plans))]
        if len(self.options) == _MOST:
            self.options.clear()
            self.counts.clear()
        self.plans[key] = plan
        self.options.add(options)


_BELIEVED: weakref.WeakKeyDictionary[nn.Module, _Believed] = weakref.WeakKeyDictionary()


def recorded(
    net: nn.Module, loop: Loop, folding: Folding, trusts: bool = False, describes: bool = False
) -> tuple[Plan | None, str, Record]:
    """Run the first steps of a loop, and find out if their calls can run all steps.

    If the code of the net has been looked at before, a step of a few samples is recorded; if an equal record has run
    the net before, in the same modes, that is enough. If not, the first step is recorded, and the second must make the
    same calls, neither of the two may change anything but states, and the calls over both steps at once must give what
    they gave step by step.

    Args:
        net: The net, in the state that the sequence begins with.
        loop: Its loop, at the beginning. If there is a plan, the outputs of the loop are not needed.
        folding: The samples that run in each step.
        trusts: True to assume that unknown functions act on each sample alone.
        describes: True to find out which module calls each function.

    Returns:
        The plan, the reason if there is no plan, and a record of a step. Without a plan, the loop must go on.
    """
    start = {module: module._kept for module in temporal(net)}
    believed, options = _BELIEVED.setdefault(net, _Believed()), Makeup.of(net).options
    known = believed.held() if options in believed.options and folding.steps > _CHECKED else None
    before = None if known is None else _Before(net)
    by_few = before is not None and folding.order is None and not describes and options not in believed.counts
    plan_and_record = _by_few_samples(net, loop.next_input(), trusts, believed, before) if before and by_few else None
    if plan_and_record is not None:
        return plan_and_record[0], "", plan_and_record[1]
    records: list[Record] = []
    while True:
        record = Record(net, loop.next_input(), trusts, describes, known)
        outputs, spec = loop.step(record.recording())
        record.must_be_one_step(record.values[0])
        record.finish(outputs, spec)
        key = _key(record, net)
        plan = believed.plans.get(key)
        if plan is not None and by_few:
            believed.counts.add(options)
        if plan is None and known is not None:  # the code does something new: begin again, and look at what it reaches
            known, start = None, {module: module._kept for module in start}
            continue
        records.append(record)
        if record.reason:
            return None, record.reason, record
        if folding.order is not None and record.may_count():
            return None, "forward may compute with the batch size, which is not the same in all steps", record
        if plan is None and len(records) < min(_CHECKED, folding.steps):
            continue
        if plan is None:
            if records[0].key() != record.key():
                return None, "forward does something different in the second step", record
            plan = Plan(record.steps, record.outputs, net)
            wrong = _difference(plan, net, records, start, folding)
            if wrong:
                return None, wrong, record
        if folding.order is not None and not plan.fits_lengths:
            return None, "forward draws random numbers whose number may be that of the samples", record
        believed.add(options, key, plan)
        if before is not None:  # a record that was given up does not know what the rest of its step changed
            before.put_back()
        else:
            for each in reversed(records):
                each.changes.undo()
        return plan.sized(record), "", record


def _by_few_samples(
    net: nn.Module, x: Tensor, trusts: bool, believed: _Believed, before: _Before
) -> tuple[Plan, Record] | None:
    """Return the known plan of a net, if a step of a few samples makes the calls of one, and the record of that step.

    The net is left as it was. If the code may compute with the number of samples, None is returned.
    """
    if not x.dim() or len(x) <= _SAMPLES or not fits(x):
        return None
    some = x[:_SAMPLES]
    record = Record(net, some, trusts, known=believed.held())
    try:
        with Holding(dict.fromkeys(temporal(net))):
            with record.recording():
                out = net(some)
            record.finish(*tree_flatten(out))
    except Exception as error:  # whatever the code does with fewer samples than it expects
        record.refused(f"forward raises {type(error).__name__} for {_SAMPLES} samples")
    before.put_back(attributes=True)
    plan = None if record.may_count() else believed.plans.get(_key(record, net))
    return None if plan is None else (plan.sized(record), record)


class _Before:
    """Buffers, random generators and attributes of modules, as they are, which a step may change besides states."""

    def __init__(self, net: nn.Module) -> None:
        self._numbers = RandomStates()
        self._buffers = [(buffer, buffer.detach().clone()) for buffer in net.buffers()]
        self._parts = [(part, dict(part)) for m in net.modules() for part in (vars(m), m._buffers)]

    def put_back(self, attributes: bool = False) -> None:
        """Put back buffers and generators and, where asked for, attributes, as code may set one that is missing."""
        for part, before in self._parts if attributes else ():
            if len(part) != len(before) or any(part.get(name) is not value for name, value in before.items()):
                part.clear()
                part.update(before)
        for buffer, values in self._buffers:
            buffer.data.copy_(values)
        self._numbers.restore()


def _key(record: Record, net: nn.Module) -> Any:
    """Return what a plan of a net depends on; None if the record cannot run all steps."""
    if record.reason:
        return None
    return record.key(), modes(net), torch.is_grad_enabled(), autocast_of(record.values[0])


def record_of(net: nn.Module, xs: Tensor, trusts: bool = False) -> tuple[Plan | None, str, Record]:
    """Run the first steps of ``xs[T, batch, ...]`` from the states that a net keeps, and return as :func:`recorded`."""
    folding = Folding(len(xs))
    return recorded(net, Loop(net, xs, folding), folding, trusts, describes=True)


def schedule_of(plan: Plan, net: nn.Module, record: Record, steps: int, describe: bool = True) -> Schedule:
    """Return the schedule of a net that was recorded; with ``describe``, it lists the calls and how each will run."""
    layers = described(record.steps, net, record.inputs(), steps) if describe else ()
    reason = f"asserted by schedule='layers' ({record.trusted})" if record.trusted else reason_of(plan)
    basis = _RecordedStep(net, record.values[0]) if describe and not record.may_count() else None
    return Schedule("layers", reason, layers, plan.gains_from_blocks, plan=plan, basis=basis)


class _RecordedStep:
    """The basis of the schedule of a net whose step was recorded: what its code may have read besides values."""

    def __init__(self, net: nn.Module, x: Tensor) -> None:
        self._modes = modes(net)
        self._has_gradients = torch.is_grad_enabled()  # if off, the record does not show what ran without gradients
        self._form = _form(x)
        self._reached = Walk(list(net.modules()), kinds=True)

    def holds(self, plan: Plan, net: nn.Module, xs: Tensor | None) -> bool:
        """Return True if another record of a step would be the same."""
        if modes(net) != self._modes or (xs is not None and _form(xs[0]) != self._form):
            return False
        if torch.is_grad_enabled() > self._has_gradients or hooked(net) is not None:
            return False
        if torch.compiler.is_compiling():  # a compiler cannot look around
            return plan.fits(net)
        return Walk(list(net.modules()), kinds=True).places == self._reached.places


def _form(x: Tensor) -> tuple[Any, ...]:
    """Return everything about one step's input that code may ask besides its values and the number of samples."""
    return x.dim(), x.shape[1:], x.dtype, x.device, autocast_of(x)


def recorded_ahead(net: nn.Module, xs: Tensor, trusts: bool = False) -> Schedule:
    """Find out how a net with its own code will run, by running the first steps of ``xs[T, batch, ...]`` on a copy.

    The net and the random generators stay as they are. ``trusts`` is as for :func:`recorded`.

    Raises:
        ValueError: If ``trusts`` is True, and the net still cannot run layer by layer.
    """
    try:
        twin = copied(net)
    except ValueError as why:
        return Schedule("steps", f"no copy of it can be run ahead: {why}")
    with RandomStates():
        reset(twin)
        plan, reason, record = record_of(twin, xs[:_CHECKED].detach().clone().requires_grad_(xs.requires_grad), trusts)
        if plan is None and trusts:
            refuse_layers(reason)
        return Schedule("steps", reason) if plan is None else schedule_of(plan, net, record, len(xs))


def refuse_layers(reason: str) -> NoReturn:
    """Raise an error that says why a net cannot run layer by layer, although the caller asserted that it can."""
    raise ValueError(
        "unroll: schedule='layers' cannot run this net, whose outputs would differ from the loop's "
        f"({reason}); use schedule='auto'"
    )


def _difference(plan: Plan, net: nn.Module, records: list[Record], start: dict[Any, Any], folding: Folding) -> str:
    """Compare each call over several steps at once with its results in single steps on the same arguments."""
    first = records[0].values[0]
    if not fits(first) or first.is_meta:
        return ""  # there are no values to compare
    run = Pass(net, dict(net.named_modules(remove_duplicate=False)), None, {})
    part = folding.part(0, len(records))
    with RandomStates(), torch.no_grad():
        for step in plan.steps:
            if step.of_step and step.way == "rows" and not _same(step, run, records, start, part):
                return f"'{step.kind}' gives something different for several steps at once than for one at a time"
    return ""


class _Together(dict[int, Any]):
    """The values of several records by number, with the rows of the steps one after another."""

    def __init__(self, records: list[Record]) -> None:
        super().__init__()
        self._records = records

    def __missing__(self, number: int) -> Tensor:
        values = [record.values[number].detach() for record in self._records]
        return torch.cat(values) if self._records[0].is_of_step(number) else values[0]


def _same(step: Step, run: Pass, records: list[Record], start: dict[Any, Any], folding: Folding) -> bool:
    values = _Together(records)
    uses = [v.number for v in flat((step.args, step.kwargs)) if isinstance(v, Place)]
    if any(records[0].values[number] is None for number in uses):
        return True  # random numbers that nothing has drawn yet
    args = [value_of(values, run.net, value) for value in step.args]
    kwargs = {name: value_of(values, run.net, value) for name, value in step.kwargs.items()}
    if not isinstance(step.compute, Neuron):
        out = step.compute(run, step.path, *args, **kwargs)
        return _agree(step, out, records)
    module: Any = run.modules[step.path]
    if not isinstance(module, SpikingNeuron) or isinstance(module, WholeSequence) or folding.order is not None:
        return True
    out, kept = module.run_steps(folding.unfold(args[0]), start[module])
    return _agree(step, folding.rows(out), records) and all(map(_close, kept, module._kept))


def _agree(step: Step, out: Any, records: list[Record]) -> bool:
    outs = tree_leaves(out) if step.several else (out,)
    if getattr(step.compute, "func", None) in (Tensor.new_empty, torch.empty_like):
        return True  # its values do not matter
    expected = map(_Together(records).__missing__, step.places)
    return all(map(_close, outs, expected))


def _close(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if not a.is_floating_point():
        return torch.equal(a, b)
    finite = b.detach()[b.isfinite()]
    scale = finite.abs().max().item() if finite.numel() else 1.0
    return torch.allclose(a.detach(), b.detach(), rtol=1e-3, atol=1e-4 * scale, equal_nan=True)
