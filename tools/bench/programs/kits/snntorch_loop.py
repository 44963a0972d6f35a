"""snnTorch: a loop over the steps with its own losses, as its tutorials write it."""

from __future__ import annotations

import functools

import snntorch
from snntorch import functional, utils
from torch import Tensor, nn

from bench.programs.kit import Kit, familiar, steps
from bench.programs.losses import Losses


def kit() -> Kit:
    """The kit."""

    def run(net: nn.Module, xs: Tensor) -> tuple[Tensor, Tensor]:
        utils.reset(net)
        return steps(net, xs)

    return Kit(functools.partial(familiar, snntorch), run, Losses.of(functional))
