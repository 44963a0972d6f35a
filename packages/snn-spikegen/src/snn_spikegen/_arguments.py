"""Arguments that every encoder accepts: numbers, steps and sources of randomness, checked once."""

from __future__ import annotations

import math
import sys
from numbers import Real
from operator import index

import torch
from torch import Tensor

from snn_spikegen._device_checks import is_any
from snn_spikegen._messages import must


def whole_number(name: str, value: int, least: int = 0) -> int:
    """Return a whole number that is at least ``least``.

    ``False`` counts as 0, by which the encoders mean "not passed".
    """
    try:
        number = index(value)
    except TypeError:
        number = None
    if number is None or value is True:
        raise TypeError(must(name, "be an int", repr(value)))
    if number < least:
        raise ValueError(must(name, f"be at least {least}", number))
    return number


def finite(name: str, value: float | Tensor) -> float:
    """Return a finite real number."""
    number = value.item() if isinstance(value, Tensor) and value.numel() == 1 else value
    if not isinstance(number, Real):
        raise TypeError(must(name, "be a number", repr(value)))
    number = plain(name, number)
    if not math.isfinite(number):
        raise ValueError(must(name, "be finite", number))
    return number


def plain(name: str, value: float) -> float:
    """Return a number of a kind that torch computes with, such as a float for a fraction; a tensor as it is."""
    if isinstance(value, Tensor | float) or (isinstance(value, int) and value.bit_length() < 64):
        return value
    try:
        return float(value)
    except OverflowError:
        raise ValueError(must(name, f"be at most {sys.float_info.max:.1e} in size", "a larger number")) from None


def share(name: str, value: float) -> float:
    """Return a number between 0 and 1, both included."""
    if type(value) is float and 0 <= value <= 1:  # the usual case; the checks below take longer than some encoders
        return value
    number = finite(name, value)
    if not 0 <= number <= 1:
        raise ValueError(must(name, "be in [0, 1], as a share of the steps", number))
    return number


def first_step(first_spike_time: int, num_steps: int) -> int:
    """Return the step of the earliest spike allowed, within the ``num_steps`` steps."""
    first = whole_number("first_spike_time", first_spike_time)
    if num_steps and first > num_steps - 1:
        raise ValueError(
            must("first_spike_time", f"be at most {num_steps - 1}, the last of num_steps={num_steps} steps", first)
        )
    return first


def factor(name: str, value: float | Tensor, shape: tuple[int, ...]) -> float | Tensor:
    """Return a finite number, or a tensor of finite numbers that broadcasts to ``shape``."""
    if not isinstance(value, Real | Tensor) or (isinstance(value, Tensor) and value.is_complex()):
        raise TypeError(must(name, f"be a number, or a real tensor that broadcasts to {tuple(shape)}", repr(value)))
    if not isinstance(value, Tensor):
        value = plain(name, value)
        if not math.isfinite(value):
            raise ValueError(must(name, "be finite", value))
        return value
    endless = ~value.isfinite()
    if is_any(endless, f"{name} must be finite"):
        raise ValueError(must(name, "be finite", value[endless][0].item()))
    try:
        fits = torch.broadcast_shapes(value.shape, shape) == torch.Size(shape)
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(must(name, f"broadcast to {tuple(shape)}", f"shape {tuple(value.shape)}", "reshape it"))
    return value


def place(device: torch.device | str | None) -> torch.device | None:
    """Return a torch device."""
    if device is None:
        return None
    if not isinstance(device, str | torch.device):
        raise TypeError(must("device", "be a torch.device or its name, such as 'cpu', or None", repr(device)))
    try:
        return torch.device(device)
    except RuntimeError as error:
        raise ValueError(must("device", "be a device of torch, such as 'cpu' or 'cuda:0'", repr(device))) from error


def source(generator: torch.Generator | None, device: torch.device | None = None) -> None:
    """Refuse a source of randomness that is not a generator, or cannot draw on ``device``."""
    if generator is None:
        return
    if not isinstance(generator, torch.Generator):
        raise TypeError(
            must(
                "generator", "be a torch.Generator, such as torch.Generator().manual_seed(0), or None", repr(generator)
            )
        )
    if device is not None and generator.device.type != device.type:
        raise ValueError(
            must("generator", f"draw on {device} like data", generator.device, f"pass torch.Generator({str(device)!r})")
        )
