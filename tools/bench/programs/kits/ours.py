"""Ours: a net written for one step, run by ``unroll`` or by a loop, with our losses."""

from __future__ import annotations

import functools

import snn_core as snn
import snn_functional
from bench.programs.kit import Kit, familiar, looped
from bench.programs.losses import Losses


def kit(loop: bool = False) -> Kit:
    """Return the kit, with a loop over the steps or ``unroll``."""
    run = looped(snn.utils.reset) if loop else snn.unroll
    return Kit(functools.partial(familiar, snn), run, Losses.of(snn_functional))
