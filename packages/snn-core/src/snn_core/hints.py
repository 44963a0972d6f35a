"""Hints for errors in which torch says what it got and not where that comes from: tuples of neurons, integers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from torch import Tensor, nn

from snn_core.temporal import Temporal

__all__ = ["pointed_out"]


@contextmanager
def pointed_out(net: nn.Module, xs: Tensor) -> Iterator[None]:
    """Add to torch's error about a tuple or a dtype, raised inside, where it comes from and what to do.

    Args:
        net: The net that runs inside.
        xs: Its input.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> net = nn.Sequential(snn.Leaky(beta=0.9, init_hidden=True, output=True), nn.Linear(3, 2))
        >>> x = torch.rand(1, 3)
        >>> try:
        ...     with pointed_out(net, x):
        ...         net(x)
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
    except RuntimeError as error:
        if "type" in str(error) and not xs.is_floating_point() and not xs.is_complex():
            error.add_note(f"xs holds {xs.dtype}, of which layers such as Linear and Conv2d take none: pass xs.float()")
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
