"""A net written for one time step, run over a whole sequence."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map

from snn_core.folding import Folding
from snn_core.kernels import products
from snn_core.lengths import folding_of
from snn_core.recomputation import own_buffers
from snn_core.runs import Run, blocks, chunks, layers, steps, temporal
from snn_core.schedule import Schedule, gains_from_blocks, plan
from snn_core.temporal import Temporal
from snn_core.utils import reset
from snn_core.whole_sequence import WholeSequence

__all__ = ["unroll"]


def unroll(
    net: nn.Module,
    xs: Tensor,
    *,
    resume: bool = False,
    schedule: str = "auto",
    chunk: int | None = None,
    truncate: bool = False,
    lengths: Tensor | Sequence[int] | None = None,
    explain: bool = False,
) -> Any:
    """Run a net written for one time step over a sequence.

    Gives what ``utils.reset(net)`` and a loop over ``net(xs[t])`` give, every output stacked on axis 0, and leaves the
    net in the state that the loop would have left. Where that is provably the same, the net runs layer by layer: every
    layer sees all steps at once, and every neuron runs its whole sequence.

    Args:
        net: A module called with one step's input; its neurons keep their state (``init_hidden=True``).
        xs: Input, ``[T, batch, ...]`` with T >= 1.
        resume: Go on from the state that the net holds, in place of starting from rest.
        schedule: ``"auto"``; ``"steps"`` for the plain loop; ``"layers"`` to assert that a ``forward`` which cannot be
            traced acts on each sample alone, which the first call checks against two steps of the loop.
        chunk: Run so many steps at a time; the backward pass computes each chunk anew, so that memory grows with the
            chunk and not with T.
        truncate: With ``chunk``, cut the gradient between chunks (truncated backpropagation through time).
        lengths: Number of steps of each sample ``[batch]``, integers in 0..T, where they differ. After its end a
            sample's outputs are zero and its state stays as it is; what ``xs`` holds there is never read. Layers
            see the samples that run still, and no others.
        explain: Return the schedule too.

    Returns:
        The net's output with time on axis 0; a tuple, list or dict of tensors where the net returns one. With
        ``explain=True`` a pair of it and a :class:`Schedule`.

    Raises:
        ValueError: If there is no time step; if a neuron neither keeps its state nor is passed one; if ``chunk`` is
            not positive, or ``truncate`` is without it; if ``schedule="layers"`` is not the same as the loop; if
            ``forward`` leaves what it computes in a container outside of the call; if ``lengths`` is not one
            number in 0..T for each sample, or the net then reduces the batch or keeps something that is not known to be
            of the samples.
        TypeError: If ``net`` is no module, ``xs`` no tensor or ``lengths`` no integers, or the net returns something
            else than tensors.

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
    _check(net, xs, schedule, chunk, truncate)
    folding = Folding(len(xs))
    if lengths is not None:
        _check_ends(net)
        folding = folding_of(lengths, xs)
    if not resume:
        reset(net)
    after = len(xs) - folding.steps  # steps in which nothing runs any more
    xs = xs[:-after] if after else xs
    how = _schedule(net, xs, folding, schedule, describe=explain)
    run = steps if how.kind == "steps" else blocks if how.blocks else layers
    if how.kind == "steps" or chunk is not None or resume:
        _check_whole_sequences(net, how, chunk)
    with products.noted() as computed:
        out = run(net, xs, folding) if chunk is None else chunks(run, net, xs, folding, chunk, truncate)
    if after:
        out = tree_map(lambda o: torch.cat([o, o.new_zeros((after, *o.shape[1:]))]), out)
    return (out, how.after(computed)) if explain else out


def _check(net: Any, xs: Any, schedule: str, chunk: int | None, truncate: bool) -> None:
    if not isinstance(net, nn.Module):
        raise TypeError(f"unroll takes a net (nn.Module), got {type(net).__name__}")
    if not isinstance(xs, Tensor):
        raise TypeError(
            f"unroll takes a tensor xs[T, batch, ...], got {type(xs).__name__}; torch.stack(list) makes one"
        )
    if xs.dim() == 0 or xs.shape[0] == 0:
        raise ValueError(f"unroll takes xs[T, batch, ...] with T >= 1 steps, got shape {tuple(xs.shape)}")
    if schedule not in ("auto", "layers", "steps"):
        raise ValueError(f"unroll: schedule must be 'auto', 'layers' or 'steps', got {schedule!r}")
    if chunk is not None and (not isinstance(chunk, int) or chunk < 1):
        raise ValueError(f"unroll: chunk must be a positive number of steps or None, got {chunk!r}")
    if truncate and chunk is None:
        raise ValueError("unroll: truncate=True cuts the gradient between chunks, got chunk=None; pass chunk=steps")


def _check_whole_sequences(net: nn.Module, how: Schedule, chunk: int | None) -> None:
    for path, module in net.named_modules():
        if isinstance(module, WholeSequence):
            cause = how.reason if how.kind == "steps" else "chunk" if chunk is not None else "resume=True"
            raise ValueError(
                f"unroll: {path!r} ({type(module).__name__}) takes the whole sequence at once and cannot be cut "
                f"({cause}); use Leaky(reset_mechanism='none') for a leaky membrane that can"
            )


def _check_ends(net: nn.Module) -> None:
    for path, module in net.named_modules():
        if isinstance(module, Temporal) and not module.keeps_by_sample:
            raise ValueError(
                f"unroll: {path!r} ({type(module).__name__}) does not say that it keeps tensors [batch, ...] and "
                "nothing else, so that some samples may end before others (lengths); run samples of one length "
                "together, or set keeps_by_sample = True in its class"
            )


def _schedule(net: nn.Module, xs: Tensor, folding: Folding, schedule: str, describe: bool) -> Schedule:
    if schedule == "steps":
        return Schedule("steps", "asked for by schedule='steps'")
    found = plan(net, xs, describe)
    if schedule == "auto" or found.kind == "layers":
        return found
    if net not in _ASSERTED:
        _compare_with_loop(net, xs[:2], folding.part(0, min(len(xs), 2)), found.reason)
        _ASSERTED.add(net)
    return Schedule("layers", f"asserted by schedule='layers' ({found.reason})", blocks=gains_from_blocks(net))


_ASSERTED: weakref.WeakSet[nn.Module] = weakref.WeakSet()  # nets whose asserted schedule was found equal to the loop


def _compare_with_loop(net: nn.Module, xs: Tensor, folding: Folding, reason: str) -> None:
    refused = f"unroll: schedule='layers' does not hold for this net ({reason})"
    expected = _tried(steps, net, xs, folding)
    try:
        got = _tried(layers, net, xs, folding)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise ValueError(f"{refused}: {error}") from error
    same = len(expected) == len(got) and all(
        a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(expected, got, strict=True)
    )
    if not same:
        raise ValueError(f"{refused}: over two steps it gives other outputs than the loop; use schedule='auto'")


def _tried(run: Run, net: nn.Module, xs: Tensor, folding: Folding) -> list[Tensor]:
    """The outputs of a run that leaves no trace in the net or in the random generator."""
    modules = temporal(net)
    kept = [m._kept for m in modules]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]), own_buffers(net):
            return tree_flatten(run(net, xs, folding))[0]
    finally:
        for module, state in zip(modules, kept, strict=True):
            module._kept = state
