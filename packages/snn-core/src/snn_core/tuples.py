"""Neurons that return a tuple to a layer which takes none: torch's error says no more than that it got a tuple."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from torch import nn

from snn_core.temporal import Temporal

__all__ = ["pointed_out"]


@contextmanager
def pointed_out(net: nn.Module) -> Iterator[None]:
    """Add to a ``TypeError`` about a tuple, raised inside, which neurons of the net return one, and what to do.

    Args:
        net: The net that runs inside.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> net = nn.Sequential(snn.Leaky(beta=0.9, init_hidden=True, output=True), nn.Linear(3, 2))
        >>> try:
        ...     with pointed_out(net):
        ...         net(torch.rand(1, 3))
        ... except TypeError as error:
        ...     error.__notes__
        ["'0' (Leaky) has output=True and returns a tuple to '1' (Linear); output=True is for the last neuron"]
    """
    try:
        yield
    except TypeError as error:
        if "tuple" in str(error):
            for note in _notes(net):
                error.add_note(note)
        raise


def _notes(net: nn.Module) -> Iterator[str]:
    for path, sequence in net.named_modules():
        if not isinstance(sequence, nn.Sequential):
            continue
        prefix = f"{path}." if path else ""
        for (name, neuron), (behind, layer) in pairwise(sequence.named_children()):
            if isinstance(neuron, Temporal) and getattr(neuron, "output", False):
                yield (
                    f"'{prefix}{name}' ({type(neuron).__name__}) has output=True and returns a tuple to "
                    f"'{prefix}{behind}' ({type(layer).__name__}); output=True is for the last neuron"
                )
