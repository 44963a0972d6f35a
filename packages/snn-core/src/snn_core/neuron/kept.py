"""The states that the neurons of a net keep from one step to the next, as tensors by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neuron.temporal import Temporal

_COUNT = "step"  # the name of a kept number of steps


def temporal_by_path(net: nn.Module) -> dict[str, Temporal]:
    """Return the modules of a net that keep a state, by path."""
    return {path: m for path, m in net.named_modules() if isinstance(m, Temporal)}


def as_tensors(kept: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the states that modules keep as tensors, named by the module's path and the state's name or number."""
    named: dict[str, Tensor] = {}
    for path, value in kept.items():
        if isinstance(value, tuple):
            fields = getattr(value, "_fields", map(str, range(len(value))))
            named |= {_join(path, field): tensor for field, tensor in zip(fields, value, strict=True)}
        elif value is not None:
            named[_join(path, _COUNT)] = torch.tensor(value)
    return named


def as_kept(net: nn.Module, named: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the kept state of each module, None at rest, from the tensors that :func:`as_tensors` named.

    Raises:
        ValueError: If a name belongs to no module of the net, a neuron has some of its states but not all, or a tensor
            that should be a number of steps is not one; the message names every such tensor.
    """
    kept, rest, missing, wrong = {}, dict(named), [], []
    for path, module in temporal_by_path(net).items():
        if isinstance(module, SpikingNeuron):
            count, fields, make = None, module.State._fields, module.State._make
        else:
            count, make = rest.pop(_join(path, _COUNT), None), tuple
            owners = [name.rpartition(".")[0] for name in rest if name.rpartition(".")[2].isdecimal()]
            fields = map(str, range(owners.count(path)))
        names = [_join(path, field) for field in fields]
        values = [rest.pop(name) for name in names if name in rest]
        missing += [name for name in names if name not in named] if values else []
        kept[path] = make(values) if values and len(values) == len(names) else None
        if count is not None:
            kept[path] = _number(count)
            wrong += [_join(path, _COUNT)] if kept[path] is None else []
    faults = [f"no neuron of {type(net).__name__} keeps {', '.join(map(repr, rest))}"] if rest else []
    faults += [f"{', '.join(map(repr, missing))} is missing"] if missing else []
    faults += [f"{', '.join(map(repr, wrong))} is not a number of steps"] if wrong else []
    if faults:
        raise ValueError(f"states of another net: {'; '.join(faults)}")
    return kept


def _number(count: Tensor) -> int | None:
    """Return the number of steps that a tensor contains, or None if it does not contain one."""
    if count.numel() != 1 or count.is_floating_point() or count.dtype == torch.bool or count.item() < 0:
        return None
    return int(count.item())


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
