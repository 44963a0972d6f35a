"""How a net will run here, layer by layer."""

from __future__ import annotations

from torch import Tensor, nn

from snn_core.sequence.layers import known_ahead
from snn_core.sequence.recorded import recorded_ahead
from snn_core.sequence.schedule import Schedule


def explain(net: nn.Module, xs: Tensor) -> Schedule:
    """Say which schedule ``unroll(net, xs)`` takes and which kernel each layer, and why.

    The net stays as it is: a step of zeros runs through its layers, to see what each neuron will be given; of a net
    with code of its own a copy runs the first steps.

    Args:
        net: A net.
        xs: Its input, ``[T, batch, ...]``.

    Returns:
        The schedule; printed, it reads as a table.

    Raises:
        TypeError: If ``net`` is no module or ``xs`` no tensor.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Dropout(), snn.Leaky(beta=0.9, init_hidden=True))
        >>> print(explain(net, torch.zeros(5, 1, 3)))
        step by step: '0': Dropout draws anew in every step while training
    """
    if not isinstance(net, nn.Module):
        raise TypeError(f"explain takes a net (nn.Module), got {type(net).__name__}")
    if not isinstance(xs, Tensor):
        raise TypeError(f"explain takes a tensor xs[T, batch, ...], got {type(xs).__name__}")
    return known_ahead(net, xs) or recorded_ahead(net, xs)
