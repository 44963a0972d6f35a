"""snnTorch: a loop over the steps with its own losses, as its tutorials write it."""

from __future__ import annotations

from typing import Any

import snntorch
import torch
from snntorch import functional, surrogate, utils
from torch import Tensor, nn

from bench.programs.kit import Kit, Leaky
from bench.programs.losses import Losses

__all__ = ["kit"]


def kit() -> Kit:
    """The kit."""

    def run(net: nn.Module, xs: Tensor) -> tuple[Tensor, Tensor]:
        utils.reset(net)
        spks, mems = zip(*(net(x) for x in xs.unbind(0)), strict=True)
        return torch.stack(spks), torch.stack(mems)

    return Kit(_neurons, run, Losses.of(functional))


def _neurons(asked: Leaky) -> nn.Module:
    options: dict[str, Any] = {"init_hidden": True, "output": asked.output}
    if asked.slope is not None:
        options["spike_grad"] = surrogate.fast_sigmoid(asked.slope)
    if asked.features is not None:
        return snntorch.RLeaky(beta=asked.beta, linear_features=asked.features, **options)
    return snntorch.Leaky(beta=asked.beta, **options)
