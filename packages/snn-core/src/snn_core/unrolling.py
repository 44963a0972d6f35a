"""A net written for one time step, run over a whole sequence."""

from __future__ import annotations

import contextlib
import math
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from snn_core.channels_last import Convolutions
from snn_core.joining import joined
from snn_core.kernels import products
from snn_core.recomputation import Recomputation, own_buffers
from snn_core.schedule import Schedule, gains_from_blocks, plan
from snn_core.temporal import Temporal
from snn_core.utils import detach, reset
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
        explain: Return the schedule too.

    Returns:
        The net's output with time on axis 0; a tuple, list or dict of tensors where the net returns one. With
        ``explain=True`` a pair of it and a :class:`Schedule`.

    Raises:
        ValueError: If there is no time step; if a neuron neither keeps its state nor is passed one; if ``chunk`` is
            not positive, or ``truncate`` is without it; if ``schedule="layers"`` is not the same as the loop; if
            ``forward`` leaves what it computes in a container outside of the call.
        TypeError: If ``net`` is no module or ``xs`` no tensor, or the net returns something else than tensors.

    Example:
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> xs = torch.rand(5, 1, 3)
        >>> spk, how = unroll(net, xs, explain=True)
        >>> spk.shape, how.kind
        (torch.Size([5, 1, 2]), 'layers')
    """
    _check(net, xs, schedule, chunk, truncate)
    if not resume:
        reset(net)
    how = _schedule(net, xs, schedule, describe=explain)
    run = _steps if how.kind == "steps" else _blocks if how.blocks else _layers
    if how.kind == "steps" or chunk is not None or resume:
        _check_whole_sequences(net, how, chunk)
    with products.noted() as computed:
        out = run(net, xs) if chunk is None else _chunks(run, net, xs, chunk, truncate)
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


def _schedule(net: nn.Module, xs: Tensor, schedule: str, describe: bool) -> Schedule:
    if schedule == "steps":
        return Schedule("steps", "asked for by schedule='steps'")
    found = plan(net, xs, describe)
    if schedule == "auto" or found.kind == "layers":
        return found
    if net not in _ASSERTED:
        _compare_with_loop(net, xs[:2], found.reason)
        _ASSERTED.add(net)
    return Schedule("layers", f"asserted by schedule='layers' ({found.reason})", blocks=gains_from_blocks(net))


_ASSERTED: weakref.WeakSet[nn.Module] = weakref.WeakSet()  # nets whose asserted schedule was found equal to the loop


def _compare_with_loop(net: nn.Module, xs: Tensor, reason: str) -> None:
    refused = f"unroll: schedule='layers' does not hold for this net ({reason})"
    expected = _tried(_steps, net, xs)
    try:
        got = _tried(_layers, net, xs)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise ValueError(f"{refused}: {error}") from error
    same = len(expected) == len(got) and all(
        a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(expected, got, strict=True)
    )
    if not same:
        raise ValueError(f"{refused}: over two steps it gives other outputs than the loop; use schedule='auto'")


def _tried(run: Callable[[nn.Module, Tensor], Any], net: nn.Module, xs: Tensor) -> list[Tensor]:
    """The outputs of a run that leaves no trace in the net or in the random generator."""
    modules = _temporal(net)
    kept = [m._kept for m in modules]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]), own_buffers(net):
            return tree_flatten(run(net, xs))[0]
    finally:
        for module, state in zip(modules, kept, strict=True):
            module._kept = state


def _temporal(net: nn.Module) -> list[Temporal]:
    return [m for m in net.modules() if isinstance(m, Temporal)]


@contextlib.contextmanager
def _unrolled(net: nn.Module, folded: int | None) -> Iterator[None]:
    modules = [(path, m) for path, m in net.named_modules() if isinstance(m, Temporal)]
    try:
        for path, module in modules:
            module._unrolled_as, module._folded = path, folded
        yield
    finally:
        for _, module in modules:
            module._unrolled_as = module._folded = None


def _layers(net: nn.Module, xs: Tensor) -> Any:
    """All steps in one call, time folded into the batch axis."""
    steps = xs.shape[0]
    with _unrolled(net, steps), products.substituted(net):
        out = net(xs.flatten(0, 1))
    return tree_map(lambda o: _tensor(o).unflatten(0, (steps, o.shape[0] // steps)), out)


# of a convolution's input or output; from 32 MB on, glibc asks the system for every tensor's memory anew
_BLOCK_BYTES = 24 * 2**20


def _blocks(net: nn.Module, xs: Tensor) -> Any:
    """Layer by layer over as many steps at a time as are fast together: a sequence may be cut anywhere."""
    if torch.compiler.is_compiling() or any(map(products.is_compiled, net.modules())):
        return _layers(net, xs)
    convolutions = Convolutions()

    def outs() -> Iterator[Any]:
        yield block(xs[:1])
        rest = xs[1:]
        if len(rest):
            count = math.ceil(len(rest) * convolutions.largest / _BLOCK_BYTES)
            yield from map(block, rest.tensor_split(min(max(count, 1), len(rest))))

    def block(part: Tensor) -> Any:
        with convolutions:
            return _layers(net, part)

    out = joined(outs(), len(xs))
    for module in _temporal(net):
        module.lay_out_kept()
    return tree_map(Tensor.contiguous, out)


def _steps(net: nn.Module, xs: Tensor) -> Any:
    """The loop that everything else must equal."""
    with _unrolled(net, None):
        outs = [tree_flatten(net(x)) for x in xs.unbind(0)]
    stacked = [torch.stack([_tensor(o) for o in column]) for column in zip(*(flat for flat, _ in outs), strict=True)]
    return tree_unflatten(stacked, outs[0][1])


def _tensor(out: Any) -> Tensor:
    if not isinstance(out, Tensor):
        raise TypeError(f"unroll stacks the tensors that a net returns, got a {type(out).__name__} among its outputs")
    return out


def _chunks(run: Callable[[nn.Module, Tensor], Any], net: nn.Module, xs: Tensor, chunk: int, truncate: bool) -> Any:
    parts = xs.split(chunk)

    def outs() -> Iterator[Any]:
        if truncate or not torch.is_grad_enabled():
            for part in parts:
                yield run(net, part)
                if truncate:
                    detach(net)
        else:
            yield from map(Recomputation(run, net), parts[:-1])
            yield run(net, parts[-1])  # what it stores is what the backward pass needs first

    return joined(outs(), len(xs))
