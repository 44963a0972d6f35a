"""Ours: a net written for one step, run by ``unroll`` or by a loop, with our losses."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import snn_core as snn
import snn_functional
from bench.programs.kit import Kit, Leaky
from bench.programs.losses import Losses

__all__ = ["kit"]


def kit(loop: bool = False) -> Kit:
    """The kit.

    Args:
        loop: A loop over the steps in place of ``unroll``.
    """
    return Kit(_neurons, _steps if loop else snn.unroll, Losses.of(snn_functional))


def _steps(net: nn.Module, xs: Tensor) -> tuple[Tensor, Tensor]:
    snn.utils.reset(net)
    spks, mems = zip(*(net(x) for x in xs.unbind(0)), strict=True)
    return torch.stack(spks), torch.stack(mems)


def _neurons(asked: Leaky) -> nn.Module:
    options: dict[str, Any] = {"init_hidden": True, "output": asked.output}
    if asked.slope is not None:
        options["spike_grad"] = snn.surrogate.fast_sigmoid(asked.slope)
    if asked.features is not None:
        return snn.RLeaky(beta=asked.beta, linear_features=asked.features, **options)
    return snn.Leaky(beta=asked.beta, **options)
