"""Poisson spike trains: spikes at a rate in hertz."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_spikegen._arguments import finite, source, whole_number
from snn_spikegen._data import extent, floating_dtype, working
from snn_spikegen._device_checks import answers_at_once, leave_to_device
from snn_spikegen._messages import must


def poisson(rate: Tensor, num_steps: int, dt: float = 1e-3, *, generator: torch.Generator | None = None) -> Tensor:
    r"""Return spikes at a rate in hertz, in steps of dt seconds, each step drawn independently.

    .. math:: S[t] \sim \mathrm{Bernoulli}(r\,\Delta t)

    This is the Poisson process in discrete time: T steps hold r T dt spikes on average, with variance
    r T dt (1 - r dt), and the steps from a spike to the next are distributed geometrically with mean 1 / (r dt).

    Args:
        rate: Rates in hertz, from 0 to 1 / dt, ``[*shape]``, any real dtype. For rates that vary in time, ``rate_conv``
            takes ``rate * dt``.
        num_steps: Number of steps T, at least 1.
        dt: Duration of a step in seconds, above 0.
        generator: Source of randomness, on the device of ``rate``; the global one by default.

    Returns:
        Spikes, 0 or 1, ``[num_steps, *shape]``, in the floating dtype of ``rate`` (the default dtype for integers).

    Raises:
        TypeError: If ``rate`` is not a real tensor, ``num_steps`` not an int, ``dt`` not a number, or ``generator`` not
            a generator.
        ValueError: If a rate is negative, NaN or above 1 / dt, another argument is out of range, or ``generator`` draws
            on another device.

    Example:
        >>> import torch
        >>> from snn_spikegen import poisson
        >>> poisson(torch.tensor([0.0, 1000.0]), num_steps=3)
        tensor([[0., 1.],
                [0., 1.],
                [0., 1.]])

    Source: Dayan and Abbott, Theoretical Neuroscience (2001), section 1.4.
    """
    dtype = floating_dtype(rate, "rate")
    rates = working(rate, "rate")
    steps = whole_number("num_steps", num_steps, least=1)
    duration = finite("dt", dt)
    if duration <= 0:
        raise ValueError(must("dt", "be greater than 0, as the duration of a step in seconds", duration))
    source(generator, rates.device)
    # The nearest float to 1 / dt may be above it, by half a unit in the last place at most.
    most = 1 + torch.finfo(dtype).eps / 2
    rule = f"be at least 0 and at most {1 / duration} Hz with dt={duration} s"
    if not answers_at_once(rates):
        leave_to_device(((rates >= 0) & (rates <= most / duration)).all(), f"rate must {rule}")
    else:
        lowest, highest = extent(rates)
        if not (lowest >= 0 and highest * duration <= most):
            raise ValueError(must("rate", rule, f"values in [{lowest}, {highest}]", "lower dt or rate"))
    chance = (rates * duration).clamp_(max=1).expand(steps, *rates.shape)
    return torch.empty(chance.shape, dtype=dtype, device=rates.device).bernoulli_(chance, generator=generator)
