"""What a training loop does to the states of a net."""

from __future__ import annotations

from torch import nn

from snn_core.neuron.temporal import Temporal
from snn_core.neuron.unregistered import warn_of_unregistered

__all__ = ["detach", "reset"]


def reset(net: nn.Module) -> None:
    """Put every neuron of a net at rest, at any depth, the net itself included; no other net is touched.

    Neurons in a plain list of the net, which PyTorch does not see there, are not reset: the first call for a net warns
    of them.

    Args:
        net: Any module.

    Raises:
        TypeError: If it is no module.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> lif = snn.Leaky(beta=0.9, init_hidden=True)
        >>> _ = lif(torch.ones(1, 2))
        >>> reset(lif)
        >>> lif.mem
        tensor([])
    """
    for module in _temporal(net, "reset"):
        module.forget()


def detach(net: nn.Module) -> None:
    """Cut the kept states of a net off the autograd graph; their values stay. For truncated backpropagation.

    Args:
        net: Any module.

    Raises:
        TypeError: If it is no module.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> lif = snn.Leaky(beta=0.9, init_hidden=True)
        >>> _ = lif(torch.ones(1, 2, requires_grad=True))
        >>> detach(lif)
        >>> lif.mem
        tensor([[1., 1.]])
    """
    for module in _temporal(net, "detach"):
        module.detach_kept()


def _temporal(net: nn.Module, verb: str) -> list[Temporal]:
    if not isinstance(net, nn.Module):
        raise TypeError(f"utils.{verb} takes a net (nn.Module), got {type(net).__name__}")
    warn_of_unregistered(net)
    return [m for m in net.modules() if isinstance(m, Temporal)]
