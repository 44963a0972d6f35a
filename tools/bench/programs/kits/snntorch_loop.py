"""snnTorch: a loop over the steps with its own losses, as its tutorials write it."""

from __future__ import annotations

import functools

import snntorch
from snntorch import functional, utils

from bench.programs.kit import Kit, familiar, looped
from bench.programs.losses import Losses


def kit() -> Kit:
    """Return the kit."""
    return Kit(functools.partial(familiar, snntorch), looped(utils.reset), Losses.of(functional))
