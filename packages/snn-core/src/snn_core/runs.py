"""The ways to run a net over a sequence: step by step, layer by layer, and some steps at a time."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from snn_core.channels_last import Convolutions
from snn_core.ending import Ending
from snn_core.folding import Folding
from snn_core.joining import joined
from snn_core.kernels import products
from snn_core.recomputation import Recomputation
from snn_core.temporal import Temporal
from snn_core.utils import detach

__all__ = ["Run", "blocks", "chunks", "layers", "modes", "steps", "temporal"]

Run = Callable[[nn.Module, Tensor, Folding], Any]
"""``run(net, xs, folding)``: the outputs ``[T, batch, ...]``, zero where a sample does not run."""


def temporal(net: nn.Module) -> list[Temporal]:
    """The modules of a net that keep something from one step to the next."""
    return [m for m in net.modules() if isinstance(m, Temporal)]


def modes(net: nn.Module) -> tuple[bool, ...]:
    """Which modules of a net are training, in order."""
    return tuple(module.training for module in net.modules())


def layers(net: nn.Module, xs: Tensor, folding: Folding) -> Any:
    """All steps in one call, time folded into the batch axis."""
    rows = folding.fold(xs)
    with _unrolled(net, folding), products.substituted(net):
        out = net(rows)
    return tree_map(lambda o: folding.unfold(_checked(o, rows, folding)), out)


# of a convolution's input or output; from 32 MB on, glibc asks the system for every tensor's memory anew
_BLOCK_BYTES = 24 * 2**20


def blocks(net: nn.Module, xs: Tensor, folding: Folding) -> Any:
    """Layer by layer over as many steps at a time as are fast together: a sequence may be cut anywhere."""
    if torch.compiler.is_compiling() or any(map(products.is_compiled, net.modules())):
        return layers(net, xs, folding)
    convolutions = Convolutions()

    def parts() -> Iterator[Tensor]:
        yield xs[:1]
        rest = xs[1:]
        if len(rest):
            count = math.ceil(len(rest) * convolutions.largest / _BLOCK_BYTES)
            yield from rest.tensor_split(min(max(count, 1), len(rest)))

    def outs() -> Iterator[Any]:
        for part, here in _folded(parts(), folding):
            with convolutions:
                out = layers(net, part, here)
            yield out

    out = joined(outs(), len(xs))
    for module in temporal(net):
        module.lay_out_kept()
    return tree_map(Tensor.contiguous, out)


def steps(net: nn.Module, xs: Tensor, folding: Folding) -> Any:
    """The loop that everything else must equal."""
    ending_of = {m: Ending(folding.order, type(m).__name__) for m in temporal(net)} if folding.order is not None else {}
    outs, spec = [], None
    with _unrolled(net, None):
        try:
            for x in folding.steps_of(xs):
                for module, ending in ending_of.items():
                    module._kept = ending.running(module._kept, len(x))
                flat, spec = tree_flatten(net(x))
                outs.append([_checked(o, x, folding) for o in flat])
        finally:
            for module, ending in ending_of.items():
                module._kept = ending.whole(module._kept)
    assert spec is not None, "a sequence has a step at least"
    return tree_unflatten([folding.stacked(column) for column in zip(*outs, strict=True)], spec)


def chunks(run: Run, net: nn.Module, xs: Tensor, folding: Folding, chunk: int, truncate: bool) -> Any:
    """So many steps at a time, each time but the last computed anew in the backward pass, or cut off the graph."""

    def outs() -> Iterator[Any]:
        parts = list(_folded(xs.split(chunk), folding))
        if truncate or not torch.is_grad_enabled():
            for part, here in parts:
                yield run(net, part, here)
                if truncate:
                    detach(net)
        else:
            again = Recomputation(run, net)
            for part, here in parts[:-1]:
                yield again(part, here)
            yield run(net, *parts[-1])  # what it stores is what the backward pass needs first

    return joined(outs(), len(xs))


@contextlib.contextmanager
def _unrolled(net: nn.Module, folding: Folding | None) -> Iterator[None]:
    modules = [(path, m) for path, m in net.named_modules() if isinstance(m, Temporal)]
    try:
        for path, module in modules:
            module._unrolled_as, module._folded = path, folding
        yield
    finally:
        for _, module in modules:
            module._unrolled_as = module._folded = None


def _folded(parts: Iterable[Tensor], folding: Folding) -> Iterator[tuple[Tensor, Folding]]:
    """Stretches that follow each other, each with its own folding."""
    start = 0
    for part in parts:
        yield part, folding.part(start, len(part))
        start += len(part)


def _checked(out: Any, rows: Tensor, folding: Folding) -> Tensor:
    if not isinstance(out, Tensor):
        raise TypeError(f"unroll stacks the tensors that a net returns, got a {type(out).__name__} among its outputs")
    if folding.order is not None and out.shape[:1] != rows.shape[:1]:
        raise ValueError(
            f"unroll: lengths takes a net that returns a row for each sample, but this one makes an output of shape "
            f"{tuple(out.shape)} of {len(rows)} rows; reduce the batch after unroll"
        )
    return out
