"""Copies of nets that run in their place."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from snn_core.effects import must_be_apart, unhook
from snn_functional._messages import fault, must


def check_net(net: Any) -> None:
    """Check that a net is a module."""
    if not isinstance(net, nn.Module):
        raise TypeError(must("net", "be a torch.nn.Module", type(net).__name__))


def replica(net: nn.Module, by: str) -> nn.Module:
    """Return a deep copy of a net, detached from its graph and without the hooks of others.

    Torch's own hooks that compute a layer's weights, such as those of pruning, stay.
    """
    # a forward pass may leave a tensor of its graph in an attribute, and torch cannot copy such a tensor
    graph = [v for m in net.modules() for v in tree_leaves(vars(m)) if isinstance(v, Tensor) and not v.is_leaf]
    memo: dict[int, Any] = {id(tensor): tensor.detach().clone() for tensor in graph}
    try:
        twin = copy.deepcopy(net, memo)
        must_be_apart(twin, net)
    except (TypeError, RuntimeError, NotImplementedError, ValueError) as error:
        raise TypeError(
            fault(f"net is a {type(net).__name__} that copy.deepcopy cannot copy, and {by} runs a copy of it: {error}")
        ) from error
    return unhook(twin)
