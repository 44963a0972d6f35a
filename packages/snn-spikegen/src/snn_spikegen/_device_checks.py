"""Checks of values on their device: the CPU answers at once, and no check waits for another device."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor


def answers_at_once(values: Tensor) -> bool:
    """Return True if a check reads values: on the CPU, and on a device that cannot check by itself."""
    return values.device.type == "cpu" or not _can_check(values.device.type)


def leave_to_device(every: Tensor, message: str) -> None:
    """Let a device check a condition when it gets there; waiting for its answer would rule out CUDA graphs."""
    torch._assert_async(every, message)


def is_any(wrong: Tensor, message: str) -> bool:
    """Return True if an entry is True and a check answers at once; else let the device stop with a message."""
    if answers_at_once(wrong):
        return bool(wrong.any())
    leave_to_device(~wrong.any(), message)
    return False


@cache
def _can_check(device: str) -> bool:
    try:
        torch._assert_async(torch.ones((), dtype=torch.bool, device=device), "")
    except NotImplementedError:
        return False
    return True
