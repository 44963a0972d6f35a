"""snnTorch: a loop over the steps with its own losses, as its tutorials write it."""

from __future__ import annotations

import functools

import snntorch
import torch
from snntorch import functional, utils

from bench.programs.kit import Kit, familiar, looped
from bench.programs.losses import Losses


def kit() -> Kit:
    """Return the kit."""
    if torch.get_default_dtype() is torch.float64:  # its spikes and losses are in float32 otherwise
        torch.Tensor.float, functional.loss.dtype = torch.Tensor.double, torch.float64  # type: ignore[method-assign]
    return Kit(functools.partial(familiar, snntorch), looped(utils.reset), Losses.of(functional))
