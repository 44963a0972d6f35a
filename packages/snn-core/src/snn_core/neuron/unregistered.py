"""Neurons in a plain list, tuple or dict of a net, where PyTorch does not look for modules."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from snn_core.neuron.temporal import Temporal

__all__ = ["warn_of_unregistered"]

_LOOKED_AT: weakref.WeakSet[nn.Module] = weakref.WeakSet()
_OF_EVERY_MODULE = frozenset(vars(nn.Module()))


def warn_of_unregistered(net: nn.Module) -> None:
    """Warn, the first time that a net is looked at, of neurons that it holds without having registered them.

    They are neither reset nor moved, saved or learned with the net.

    Args:
        net: Any module.

    Example:
        >>> import snn_core as snn
        >>> warn_of_unregistered(nn.Sequential(snn.Leaky(beta=0.9)))
    """
    if torch.compiler.is_compiling() or net in _LOOKED_AT:
        return
    _LOOKED_AT.add(net)
    modules = dict(net.named_modules())
    registered = {*modules.values()}
    for path, module in modules.items():
        for name, value in vars(module).items():
            if name in _OF_EVERY_MODULE or not isinstance(value, list | tuple | dict):
                continue
            if any(m not in registered for m in _temporal_in(value)):
                where = ".".join(filter(None, (path, name)))
                container = "nn.ModuleDict" if isinstance(value, dict) else "nn.ModuleList"
                warnings.warn(
                    f"{type(net).__name__}: {where!r} is a {type(value).__name__} with neurons, which are neither "
                    f"reset nor moved, saved or learned with the net; make it {container}",
                    UserWarning,
                    stacklevel=4,
                )


def _temporal_in(container: Any) -> Iterator[Temporal]:
    waiting, seen = [container], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, nn.Module):
            yield from (m for m in value.modules() if isinstance(m, Temporal))
        elif isinstance(value, list | tuple | dict) and id(value) not in seen:
            seen.add(id(value))
            waiting += value.values() if isinstance(value, dict) else value
