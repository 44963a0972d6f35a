"""The layers of a network, with their parameters and constants."""

from __future__ import annotations

import torch
from torch import nn

import snn

__all__ = ["layers_of"]

_CONSTANTS = ("alpha", "beta", "threshold")


def layers_of(net: nn.Module) -> dict[str, str]:
    """Describe the layers of a network, each with its current numbers.

    Returns:
        For each layer that computes, by its name: its class with its arguments, its number of parameters, and the
        least and the largest value of constants that differ between neurons.

    Example:
        >>> layers_of(nn.Sequential(nn.Linear(3, 2), nn.Flatten()))["0"]
        'Linear(in_features=3, out_features=2, bias=True); 8 parameters'
    """
    return {name: _described(module) for name, module in net.named_modules() if _computes(module)}


def _computes(module: nn.Module) -> bool:
    return isinstance(module, snn.SpikingNeuron) or not [*module.children()]


@torch.no_grad()
def _described(module: nn.Module) -> str:
    own = sum(parameter.numel() for parameter in module.parameters(recurse=False))
    parts = [f"{type(module).__name__}({module.extra_repr()})", *([f"{own:,} parameters"] if own else [])]
    for name in _CONSTANTS:
        value = getattr(module, name, None)
        if isinstance(value, torch.Tensor) and value.numel() > 1:
            parts.append(f"{name} from {value.min():.3g} to {value.max():.3g}")
    return "; ".join(parts)
