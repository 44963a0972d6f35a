"""snnTorch: a loop over the steps with its own losses, as its tutorials write it."""

from __future__ import annotations

import functools

import snntorch
import torch
from snntorch import functional, utils
from torch import nn

from bench.programs.kit import Kit, familiar, looped
from bench.programs.losses import Losses


def kit() -> Kit:
    """Return the kit."""
    if torch.get_default_dtype() is torch.float64:  # its spikes and losses are in float32 otherwise
        torch.Tensor.float, functional.loss.dtype = torch.Tensor.double, torch.float64  # type: ignore[method-assign]
    return Kit(functools.partial(familiar, snntorch), looped(_rest), Losses.of(functional))


def _rest(net: nn.Module) -> None:
    """Reset all neurons: ``utils.reset`` does so if it is given a module that has neurons among its own children."""
    utils.reset(next(m for m in net.modules() if any(isinstance(c, snntorch.SpikingNeuron) for c in m.children())))
