"""A net written for one time step, run over a whole sequence."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, Literal, overload

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from snn_core.effects.separation import apart
from snn_core.engines.products import is_compiled
from snn_core.graph.folding import Folding, folding_of
from snn_core.neuron.constant import is_whole
from snn_core.neuron.hints import point_out
from snn_core.neuron.kept_state import each
from snn_core.neuron.temporal import current, detach, temporal, warn_of_unregistered
from snn_core.neuron.turns import Holding, States, alone, keep, kept_by
from snn_core.neuron.whole_sequence import WholeSequence
from snn_core.sequence.arguments import must_be_budget, must_end_by_sample
from snn_core.sequence.batch_first import must_have_batch_first, with_batch_first
from snn_core.sequence.checking import must_agree
from snn_core.sequence.concatenation import concatenated
from snn_core.sequence.layers import is_small, known_ahead
from snn_core.sequence.loop import Loop, Ran, Run, in_chunks, later_steps, one_step, requested_steps, steps
from snn_core.sequence.memory_plan import MemoryPlan, planned
from snn_core.sequence.recorded import FEW, recorded, recorded_ahead, refuse_layers, schedule_of
from snn_core.sequence.schedule import Schedule


@overload
def unroll(
    net: nn.Module,
    xs: Tensor,
    *,
    resume: bool = ...,
    schedule: str | Schedule = ...,
    chunk: int | None = ...,
    truncate: bool = ...,
    lengths: Tensor | Sequence[int] | None = ...,
    memory: int | None = ...,
    batch_first: bool = ...,
    check: bool = ...,
    explain: Literal[True],
) -> tuple[Any, Schedule]: ...
@overload
def unroll(
    net: nn.Module,
    xs: Tensor,
    *,
    resume: bool = ...,
    schedule: str | Schedule = ...,
    chunk: int | None = ...,
    truncate: bool = ...,
    lengths: Tensor | Sequence[int] | None = ...,
    memory: int | None = ...,
    batch_first: bool = ...,
    check: bool = ...,
    explain: bool = ...,
) -> Any: ...
def unroll(
    net: nn.Module,
    xs: Tensor,
    *,
    resume: bool = False,
    schedule: str | Schedule = "auto",
    chunk: int | None = None,
    truncate: bool = False,
    lengths: Tensor | Sequence[int] | None = None,
    memory: int | None = None,
    batch_first: bool = False,
    check: bool = False,
    explain: bool = False,
) -> Any:
    """Run a net written for one time step over a sequence.

    The result equals that of ``utils.reset(net)`` and a loop over ``net(xs[t])``, with every output stacked on axis 0,
    and the net is left in the state in which the loop would leave it. If it gives the same result, the net runs layer
    by layer: every layer sees all steps at once, and every neuron runs its whole sequence. For a (nested)
    ``nn.Sequential`` of known layers, this follows from its structure. The first step of any other net runs as it is
    written and is recorded: the recorded calls are compared with the outputs of two steps, and then run all steps. If
    the record is not sufficient, the loop runs the rest. Whatever does not depend on time is computed once: if ``xs``
    is one step's input that is expanded, like ``x.expand(T, *x.shape)``, the layers before the first neuron run on one
    step.

    Args:
        net: A module called with one step's input; its neurons keep their state (``init_hidden=True``).
        xs: Input, ``[T, batch, ...]`` with T >= 1.
        resume: Continue from the state that the net holds instead of starting from rest.
        schedule: ``"auto"``; ``"steps"`` for the plain loop; ``"layers"`` to assert that the functions that a
            ``forward`` calls act on each sample alone, even if that is not known (two steps of the loop check it); or
            an earlier call's :class:`Schedule`, which is used as it is, without a step in the net's own code, if only
            values of tensors have changed among all that attributes, closures and global names lead to.
        chunk: Number of steps to run at a time; the backward pass computes each chunk again, so that memory grows with
            the chunk and not with T.
        truncate: With ``chunk``, cut the gradient between chunks (truncated backpropagation through time).
        lengths: Number of steps of each sample ``[batch]``, integers in 0..T, if they differ. After its end a sample's
            outputs are zero and its state does not change; the values of ``xs`` there are never read. Layers see only
            the samples that still run. Pass lengths on the CPU, where they are read: reading them from another device
            waits for it.
        memory: Instead of ``chunk``, the number of bytes into which tensors must fit in the forward and backward
            passes: all steps run at once if they fit, otherwise the largest chunk that fits. :func:`plan_memory` says
            what is counted.
        batch_first: Take ``xs`` as ``[batch, T, ...]``, and return outputs in that order too. Losses and statistics
            take ``[T, batch, ...]``.
        check: First run both the loop and this from the same start, and compare. It takes longer than the loop; use it
            where you doubt that code of your own is understood (docs/what-a-step-may-do.md).
        explain: Return the schedule too.

    Returns:
        The net's output with time on axis 0; a tuple, list or dict of tensors if the net returns one. With
        ``batch_first=True``, axes 0 and 1 of each tensor are swapped, except in one that has a single number for each
        step, ``[T]``. With ``explain=True``, a pair of the output and a :class:`Schedule`.

    Raises:
        ValueError: If ``xs`` has no time step, or fewer than two axes with ``batch_first=True``; if a neuron neither
            keeps its state nor gets one; if ``chunk`` is not positive, or ``truncate`` is passed without it; if
            ``schedule="layers"`` differs from the loop; if a chunk would run again code that changes something outside
            the net; if ``lengths`` is not one number in 0..T for each sample, or the net then reduces the batch or
            keeps something that is not known to belong to the samples; if ``memory`` is too little, in which case the
            message names the least that is enough, or cannot be planned for.
        TypeError: If ``net`` is not a module, ``xs`` not a tensor, ``lengths`` not integers, ``batch_first`` not a
            bool, or the net returns anything but tensors.
        RuntimeError: If another thread is running a sequence through one of the net's neurons; with ``check=True``, if
            an output, a state, a buffer, a random generator or a gradient differs from the loop's.

    Example:
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> xs = torch.rand(5, 1, 3)
        >>> spk, how = unroll(net, xs, explain=True)
        >>> spk.shape, how.kind
        (torch.Size([5, 1, 2]), 'layers')

        A batch of two sequences, of five steps and of two:

        >>> spk = unroll(net, torch.rand(5, 2, 3), lengths=[5, 2])
        >>> spk[2:, 1].any()
        tensor(False)
    """
    if batch_first is not False:
        must_have_batch_first(xs, batch_first)
        options = {"schedule": schedule, "chunk": chunk, "truncate": truncate, "lengths": lengths, "memory": memory}
        run = partial(unroll, net, resume=resume, check=check, explain=explain, **options)
        return with_batch_first(run, xs)
    if memory is not None:
        must_be_budget(memory, chunk, truncate, lengths)
    _check(net, xs, schedule, chunk, truncate)
    if check:
        run = partial(unroll, resume=resume, lengths=lengths, truncate=truncate)
        cut = chunk if truncate else None
        options = {"schedule": schedule, "chunk": chunk, "memory": memory}
        must_agree(net, xs, partial(run, **options), partial(run, schedule="steps", chunk=cut))
    folding = Folding(len(xs))
    if lengths is not None:
        must_end_by_sample(net)
        folding = folding_of(lengths, xs)
    after = len(xs) - folding.steps  # steps after the end of the longest sample
    xs = xs[:-after] if after else xs
    modules, watch = temporal(net), current()
    if not resume:
        warn_of_unregistered(net)
    with alone(modules, net):
        states = kept_by(modules) if resume else dict.fromkeys(modules)
        how = _ahead(net, xs, schedule, chunk, describe=explain)
        cuts = {"chunk": chunk is not None, "memory": memory is not None, "resume=True": resume}
        budget = None
        if memory is not None and _needs_gradient(net, xs, states):
            ahead = recorded_ahead(net, xs, schedule == "layers") if how is None else how
            _check_whole_sequences(net, ahead, cuts)
            budget = planned(net, xs, _run(ahead), memory, resume, ahead.blocks)
            chunk = budget.chunk
            if ahead.plan is None or not ahead.plan.held:  # they would be those of a copy of the net
                how = ahead
        if how is not None:
            _check_whole_sequences(net, how, cuts)
        if not resume and (how is None or how.plan is None or watch is not None):  # a plan needs no module at rest
            for module in modules:
                module.forget()
        try:
            if how is None:
                ran, how = _recorded(net, xs, folding, states, schedule == "layers", chunk, truncate, cuts, explain)
            else:
                way, start = _run(how), (net, xs, folding, states)
                ran = way(*start) if chunk is None else in_chunks(way, *start, chunk, truncate)
        except (TypeError, ValueError, RuntimeError) as error:
            point_out(error, net, xs)
            raise
        out, states = apart(ran.out, ran.states, xs)
        keep(states)
    if after:
        out = tree_map(lambda o: torch.cat([o, o.new_zeros((after, *o.shape[1:]))]), out)
    return (out, replace(how, memory=budget).after(ran.products, ran.once)) if explain else out


_ONE_STEP = Schedule("steps", "a single step of few neurons is faster without a plan")
_REQUESTED = Schedule("steps", "requested by schedule='steps'")


def _ahead(net: nn.Module, xs: Tensor, schedule: str | Schedule, chunk: int | None, describe: bool) -> Schedule | None:
    """Return the schedule of a net, if it is known before the net runs."""
    if isinstance(schedule, Schedule):
        if schedule != _ONE_STEP and schedule.holds_for(net, xs):  # _ONE_STEP holds only for one step
            return schedule
        schedule = "auto"
    if schedule == "steps":
        return _REQUESTED
    if schedule == "auto" and len(xs) == 1 and is_small(net, xs):
        return _ONE_STEP
    how = known_ahead(net, xs, describe)
    if schedule == "layers":
        return None if how is None or how.kind == "steps" else how
    few = min(len(xs), chunk or len(xs))
    if how is None and few <= FEW and not any(isinstance(m, WholeSequence) and not m.may_be_cut for m in net.modules()):
        return Schedule("steps", f"{few} steps are as fast one by one")
    return how


def _recorded(
    net: nn.Module,
    xs: Tensor,
    folding: Folding,
    states: States,
    asserted: bool,
    chunk: int | None,
    truncate: bool,
    cuts: dict[str, bool],
    explain: bool,
) -> tuple[Ran, Schedule]:
    """Run a net by a record of its first step or, if that is not possible, go on with the loop."""
    first, after, how = _first_steps(net, xs, folding, states, asserted, chunk, cuts, explain)
    if how.plan is not None:
        return in_chunks(how.plan.run, net, xs, folding, states, chunk, truncate), how
    if chunk is None or chunk >= len(xs):
        return Ran(first, after), how
    if truncate:
        detach(net)
        after = {module: each(Tensor.detach, kept) for module, kept in after.items()}
    rest = folding.part(chunk, len(xs) - chunk)
    ran = in_chunks(later_steps, net, xs[chunk:], rest, after, chunk, truncate)
    return ran._replace(out=concatenated([first, ran.out], len(xs))), how


def _first_steps(
    net: nn.Module,
    xs: Tensor,
    folding: Folding,
    states: States,
    asserted: bool,
    chunk: int | None,
    cuts: dict[str, bool],
    explain: bool,
) -> tuple[Any, States, Schedule]:
    """Find out by a record of the first step how a net runs, and go on with the first chunk of the loop if need be.

    Returns:
        The outputs of the loop and the states after it; and the schedule. With a plan, nothing else is left of the
        steps, whose tensors would be in memory while the plan runs.
    """
    with Holding(states) as after:
        loop = Loop(net, xs, folding)
        compiled = any(map(is_compiled, net.modules()))
        with torch.compiler.set_stance("force_eager") if compiled else nullcontext():
            plan, reason, record = recorded(net, loop, folding, trusts=asserted, describes=explain)
        how = Schedule("steps", reason) if plan is None else schedule_of(plan, net, record, len(xs), explain)
        if plan is None and asserted:
            refuse_layers(reason)
        _check_whole_sequences(net, how, cuts)
        first = loop.finish(chunk and min(chunk, len(xs))) if plan is None else None
    return first, after if plan is None else {}, how


def plan_memory(
    net: nn.Module,
    xs: Tensor,
    memory: int | None = None,
    *,
    resume: bool = False,
    schedule: str | Schedule = "auto",
) -> MemoryPlan:
    """Plan how ``unroll(net, xs, memory=memory)`` cuts the sequence, and predict how much memory that takes.

    The plan counts the tensors that exist at once, from the call of ``unroll`` to the end of the backward pass, in the
    bytes that torch's allocator hands out for them, which ``torch.profiler`` with ``profile_memory=True`` counts too.
    These are the outputs, the tensors stored for the backward pass, intermediate results, and the gradients of
    parameters and input, for a loss that is the sum of the outputs. Tensors from before the call do not count, nor does
    the memory of your own loss.

    A copy of the net runs a few of the first steps, forward and backward, at growing lengths, until memory grows in
    proportion, and a few times in chunks. That takes a few times as long as the sequence itself, or less for a long
    one. The net does not change, and neither do random generators. ``unroll`` makes a plan only once as long as the
    net, the options and the shapes stay the same.

    Args:
        net: The net.
        xs: Its input, ``[T, batch, ...]``; only the values of the first steps matter.
        memory: The budget in bytes; None to see how much all steps at once take.
        resume: As for ``unroll``.
        schedule: As for ``unroll``.

    Returns:
        The plan.

    Raises:
        ValueError: If not even the best chunk fits, and in the cases in which ``unroll`` raises it; if nothing requires
            a gradient, so that nothing is stored.
        TypeError: If ``net`` is not a module or ``xs`` is not a tensor.
        RuntimeError: If a profiler, a compiler or a mode of torch is active.

    Example:
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(30, 20), snn.Leaky(beta=0.9, init_hidden=True))
        >>> xs = torch.rand(1000, 8, 30)
        >>> whole = plan_memory(net, xs)
        >>> plan = plan_memory(net, xs, memory=whole.predicted_bytes * 3 // 4)
        >>> plan.chunk < 1000, plan.predicted_bytes <= whole.predicted_bytes * 3 // 4
        (True, True)
    """
    _check(net, xs, schedule, None, False)
    if memory is not None:
        must_be_budget(memory, None, False, None)
    if not _needs_gradient(net, xs, kept_by(temporal(net)) if resume else {}):
        raise ValueError("plan_memory: nothing requires a gradient, so unroll stores nothing and runs without a plan")
    how = _ahead(net, xs, schedule, None, describe=False) or recorded_ahead(net, xs, schedule == "layers")
    _check_whole_sequences(net, how, {"memory": True})
    return planned(net, xs, _run(how), memory, resume, how.blocks)


def _run(how: Schedule) -> Run:
    without_plan = one_step if how is _ONE_STEP else requested_steps if how == _REQUESTED else steps
    return without_plan if how.plan is None else how.plan.run


def _needs_gradient(net: nn.Module, xs: Tensor, states: States) -> bool:
    tensors = (xs, *net.parameters(), *tree_leaves([*states.values()]))
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors if isinstance(t, Tensor))


def _check_whole_sequences(net: nn.Module, how: Schedule, cuts: dict[str, bool]) -> None:
    cause = how.reason if how.kind == "steps" else next((name for name, is_set in cuts.items() if is_set), None)
    if cause is None or how is _ONE_STEP:
        return
    for path, module in net.named_modules():
        if isinstance(module, WholeSequence) and not module.may_be_cut:
            raise ValueError(
                f"unroll: {path!r} ({type(module).__name__}) takes the whole sequence at once and cannot be cut "
                f"({cause}); {module.instead}"
            )


def _check(net: Any, xs: Any, schedule: Any, chunk: int | None, truncate: bool) -> None:
    if not isinstance(net, nn.Module):
        raise TypeError(f"unroll takes a net (nn.Module), got {type(net).__name__}")
    if not isinstance(xs, Tensor):
        raise TypeError(
            f"unroll takes a tensor xs[T, batch, ...], got {type(xs).__name__}; torch.stack(list) or "
            "torch.as_tensor(array) makes one"
        )
    if xs.dim() == 0 or xs.shape[0] == 0:
        raise ValueError(f"unroll takes xs[T, batch, ...] with T >= 1 steps, got shape {tuple(xs.shape)}")
    if not isinstance(schedule, Schedule) and schedule not in ("auto", "layers", "steps"):
        raise ValueError(
            f"unroll: schedule must be 'auto', 'layers', 'steps' or what explain=True returned, got {schedule!r}"
        )
    if chunk is not None and not (is_whole(chunk) and chunk >= 1):
        raise ValueError(f"unroll: chunk must be a positive number of steps or None, got {chunk!r}")
    if truncate and chunk is None:
        raise ValueError("unroll: truncate=True cuts the gradient between chunks, got chunk=None; pass chunk=steps")
