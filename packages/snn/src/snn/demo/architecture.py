"""The layers of a network, with their parameters and constants."""

from __future__ import annotations

import torch
from torch import nn

import snn

__all__ = ["layers_of"]

_CONSTANTS = ("alpha", "beta", "threshold")
_PART = "parametrizations"


def layers_of(net: nn.Module) -> dict[str, str]:
    """Describe the layers of a network, each with its current numbers.

    Returns:
        For each layer that computes, by its name: its class with its arguments, its number of parameters, and the
        least and the largest value of constants that differ between neurons.

    Example:
        >>> layers_of(nn.Sequential(nn.Linear(3, 2), nn.Flatten()))["0"]
        'Linear(in_features=3, out_features=2, bias=True); 8 parameters'
        >>> beta = torch.tensor([0.5, 0.75])
        >>> layers = layers_of(nn.Sequential(snn.RLeaky(beta, linear_features=2, learn_beta="bounded")))
        >>> layers.keys(), layers["0"].partition("; ")[2]
        (dict_keys(['0', '0.recurrent']), '2 parameters; beta from 0.5 to 0.75')
    """
    return {name: _described(module) for name, module in net.named_modules() if _computes(name, module)}


def _computes(name: str, module: nn.Module) -> bool:
    is_part = _PART in name.split(".")  # what keeps a constant of a neuron in its range
    return isinstance(module, snn.SpikingNeuron) or not (is_part or [*module.children()])


@torch.no_grad()
def _described(module: nn.Module) -> str:
    own = sum(p.numel() for name, p in module.named_parameters() if name.split(".")[0] in (name, _PART))
    parts = [f"{type(module).__name__}({module.extra_repr()})", *([f"{own:,} parameters"] if own else [])]
    for name in _CONSTANTS:
        value = getattr(module, name, None)
        if isinstance(value, torch.Tensor) and value.numel() > 1:
            parts.append(f"{name} from {value.min():.3g} to {value.max():.3g}")
    return "; ".join(parts)
