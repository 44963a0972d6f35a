"""What every encoder accepts: the checks on its arguments, made once at its border."""

from __future__ import annotations

from operator import index

import torch
from torch import Tensor


def floating(data: Tensor, name: str = "data") -> Tensor:
    """Real data as floats: a floating dtype is kept, integers and bools become the default one.

    Args:
        data: Numbers of any real dtype, any shape.
        name: The argument's name, for the message.

    Returns:
        The same numbers in a floating dtype, of the same shape.

    Raises:
        TypeError: If ``data`` is no tensor, or a complex one.
    """
    if not isinstance(data, Tensor):
        raise TypeError(f"{name} is a {type(data).__name__}; pass a torch.Tensor, as torch.as_tensor({name})")
    if data.is_complex():
        raise TypeError(f"{name} has dtype {data.dtype}; spikes encode real numbers: pass {name}.real or {name}.abs()")
    return data if data.is_floating_point() else data.to(torch.get_default_dtype())


def whole_number(name: str, value: int, least: int = 0) -> int:
    """A whole number that is at least ``least``.

    ``False`` counts as 0, the way the encoders spell "not given".

    Args:
        name: The argument's name, for the message.
        value: What the caller passed.
        least: The smallest value that makes sense.

    Returns:
        ``value`` as an int.

    Raises:
        TypeError: If ``value`` is no whole number.
        ValueError: If ``value`` is smaller than ``least``.
    """
    try:
        number = index(value)
    except TypeError:
        number = None
    if number is None or value is True:
        raise TypeError(f"{name} is {value!r}; pass an int")
    if number < least:
        raise ValueError(f"{name} is {number}; it must be at least {least}")
    return number


def first_step(first_spike_time: int, num_steps: int) -> int:
    """The step of the earliest spike allowed, inside the ``num_steps`` steps there are.

    Args:
        first_spike_time: Index of a step.
        num_steps: Number of steps; 0 means that it is not known yet.

    Returns:
        ``first_spike_time`` as an int.

    Raises:
        TypeError: If ``first_spike_time`` is no whole number.
        ValueError: If it is negative or past the last step.
    """
    first = whole_number("first_spike_time", first_spike_time)
    if num_steps and first > num_steps - 1:
        raise ValueError(
            f"first_spike_time is {first}, after the last of num_steps={num_steps} steps; it must be at most "
            f"{num_steps - 1}"
        )
    return first
