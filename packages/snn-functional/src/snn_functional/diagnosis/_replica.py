"""A copy of a net in which nobody sees what happens."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def replica(net: nn.Module) -> nn.Module:
    """A deep copy of a net, cut off its graph, without the hooks that others put on it.

    Hooks of torch that compute a layer's weights, as pruning does, stay.

    Raises:
        TypeError: If the net cannot be copied.
    """
    # what a forward pass left in an attribute is in a graph, and torch copies no such tensor
    graph = [v for m in net.modules() for v in tree_leaves(vars(m)) if isinstance(v, Tensor) and not v.is_leaf]
    memo: dict[int, Any] = {id(tensor): tensor.detach().clone() for tensor in graph}
    try:
        twin = copy.deepcopy(net, memo)
    except (TypeError, RuntimeError, NotImplementedError) as error:
        raise TypeError(
            f"net is a {type(net).__name__} that copy.deepcopy cannot copy: {error}; diagnose runs a copy of it"
        ) from error
    for module in twin.modules():
        for kind in _HOOKS:
            hooks = getattr(module, kind)
            for key in [key for key, hook in hooks.items() if not _of_torch(hook)]:
                del hooks[key]
    return twin


def _of_torch(hook: Any) -> bool:
    return any(kind.__module__.startswith("torch.nn.utils") for kind in type(hook).__mro__)
