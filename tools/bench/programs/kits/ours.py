"""Ours: a net written for one step, run by ``unroll`` or by a loop, with our losses."""

from __future__ import annotations

import functools

from torch import Tensor, nn

import snn_core as snn
import snn_functional
from bench.programs.kit import Kit, familiar, steps
from bench.programs.losses import Losses


def kit(loop: bool = False) -> Kit:
    """The kit.

    Args:
        loop: A loop over the steps in place of ``unroll``.
    """
    return Kit(functools.partial(familiar, snn), _steps if loop else snn.unroll, Losses.of(snn_functional))


def _steps(net: nn.Module, xs: Tensor) -> tuple[Tensor, Tensor]:
    snn.utils.reset(net)
    return steps(net, xs)
