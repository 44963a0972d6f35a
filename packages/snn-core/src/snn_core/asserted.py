"""A schedule that a user asserts, held against the loop."""

from __future__ import annotations

import weakref

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from snn_core.folding import Folding
from snn_core.recomputation import own_buffers
from snn_core.runs import Run, layers, modes, steps, temporal
from snn_core.utils import reset

__all__ = ["check_layers"]

# in which modes of a net's modules that was found before
_EQUAL: weakref.WeakKeyDictionary[nn.Module, tuple[bool, ...]] = weakref.WeakKeyDictionary()


def check_layers(net: nn.Module, xs: Tensor, folding: Folding, reason: str) -> None:
    """Compare two steps from rest run layer by layer with the loop, once for a net in the modes of its modules.

    The net stays as it is.

    Args:
        net: The net.
        xs: Its input ``[T, batch, ...]``.
        folding: Which samples run in each of the steps.
        reason: Why this has to be asserted.

    Raises:
        ValueError: If they are not the same.

    Example:
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> check_layers(net, torch.rand(5, 1, 3), Folding(5), "made for an example")
    """
    if _EQUAL.get(net) == modes(net):
        return
    xs, folding = xs[:2], folding.part(0, min(len(xs), 2))
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
    _EQUAL[net] = modes(net)


def _tried(run: Run, net: nn.Module, xs: Tensor, folding: Folding) -> list[Tensor]:
    """The outputs of a run that leaves no trace in the net or in the random generator."""
    modules = temporal(net)
    kept = [m._kept for m in modules]
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]), own_buffers(net):
            reset(net)
            return tree_flatten(run(net, xs, folding))[0]
    finally:
        for module, state in zip(modules, kept, strict=True):
            module._kept = state
