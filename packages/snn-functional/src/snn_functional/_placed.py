"""Constants on the CPU, copied once to each device that needs them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

_copies: Any = WeakTensorKeyDictionary()


def placed(constant: Tensor, like: Tensor) -> Tensor:
    """Return a constant in the dtype and on the device of another tensor.

    A constant is copied to another device only once, as every copy makes the host wait for the device.
    """
    if constant.device == like.device or constant.requires_grad or torch.compiler.is_compiling():
        return constant.to(like)
    if constant.is_inference():  # its changes cannot be counted
        return constant.to(like)
    copies = _copies.setdefault(constant, {})
    key = like.device, like.dtype, constant._version
    if key in copies:
        return copies[key]
    copy = constant.to(like)
    if type(copy) is Tensor and not copy.is_inference():  # other copies are valid in this call only
        copies[key] = copy
    return copy
