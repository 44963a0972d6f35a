"""The rate code of one neuron as a target: spikes at a given share of the steps."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snn_spikegen._arguments import first_step, place, share, source, whole_number
from snn_spikegen._messages import must

PATTERNS = ("regular", "uniform", "poisson")
_CPU = torch.device("cpu")


def target_rate_code(
    num_steps: int,
    first_spike_time: int = 0,
    rate: float = 1,
    firing_pattern: str = "regular",
    *,
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> tuple[Tensor, Tensor]:
    r"""Return one neuron's spikes at a given rate, and their times.

    .. math:: \text{regular: spikes at } \lfloor f + i / r \rfloor < T, \quad i = 0, 1, 2, \ldots

    ``"uniform"`` draws round(r (T - f)) distinct steps (half to even), with all sets equally likely; ``"poisson"``
    draws every step independently, ``S[t] ~ Bernoulli(r)``. No pattern fires before step f.

    Args:
        num_steps: Number of steps T, at least 1.
        first_spike_time: Step f, the earliest that may fire.
        rate: Share r of the steps from f on that fire, in [0, 1].
        firing_pattern: ``"regular"``, ``"uniform"`` or ``"poisson"``, in upper or lower case.
        generator: Source of randomness; the global one of the CPU by default. It may be on a different device
            from ``device``.
        dtype: Floating dtype of the spikes; torch's default dtype if None.
        device: Device of the spikes and times; by default the generator's, or the CPU.

    Returns:
        Spikes, 0 or 1, ``[num_steps]``, and their times in steps, rising, ``[number of spikes]``, int64.

    Raises:
        TypeError: If a number of steps is not an int, ``rate`` not a number, ``firing_pattern`` not a string,
            ``generator`` not a generator, ``dtype`` not a floating dtype, or ``device`` not a device.
        ValueError: If ``num_steps`` is below 1, ``first_spike_time`` past the last step, ``rate`` outside [0, 1], or
            ``firing_pattern`` or ``device`` unknown.

    Example:
        >>> from snn_spikegen import target_rate_code
        >>> target_rate_code(num_steps=7, rate=0.4)
        (tensor([1., 0., 1., 0., 0., 1., 0.]), tensor([0, 2, 5]))

    Source: Gerstner et al., Neuronal Dynamics (2014), section 7.2 (rate as a count of spikes over a duration).
    """
    steps = whole_number("num_steps", num_steps, least=1)
    first = first_step(first_spike_time, steps)
    pattern = known_pattern(firing_pattern)
    source(generator)
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise TypeError(must("dtype", "be a floating dtype, such as torch.float32, or None", repr(dtype)))
    target = place(device)
    draws = _CPU if generator is None else generator.device
    chance = share("rate", rate)
    if chance == 0:
        times = torch.zeros(0, dtype=torch.int64, device=draws)
    elif pattern == "regular":
        times = _regular(first, steps, min(1 / chance, steps))
    elif pattern == "uniform":
        order = torch.randperm(steps - first, generator=generator, device=draws)
        times = order[: round(chance * (steps - first))].sort().values + first
    else:
        chances = torch.full((steps,), chance, dtype=torch.float32, device=draws)
        chances[:first] = 0
        times = torch.bernoulli(chances, generator=generator).nonzero().squeeze(1)
    where = target or draws
    if where is not _CPU:
        times = times.to(where)
    return torch.zeros(steps, dtype=dtype, device=where).index_fill_(0, times, 1), times


def _regular(first: int, steps: int, gap: float) -> Tensor:
    """Return the steps from the first on that lie a gap in [1, steps] apart, rounded down; int64 on the CPU."""
    if gap == int(gap):
        return torch.arange(first, steps, int(gap), device=_CPU)
    # The floor of a float32 multiple decides on which side of a step a spike falls, on every device alike.
    times = torch.arange(first, steps, gap, dtype=torch.float32, device=_CPU).long()
    # The number of multiples is rounded too, and may count one that falls on step T. A check costs as much as the rest,
    # so it is made only if the last multiple is near T.
    last = first + (math.ceil((steps - first) / gap) - 1) * gap
    return times[:-1] if last > steps * (1 - 2**-20) and times[-1].item() >= steps else times


def known_pattern(firing_pattern: str) -> str:
    """Return a firing pattern in lower case."""
    if not isinstance(firing_pattern, str):
        raise TypeError(must("firing_pattern", f"be one of {', '.join(map(repr, PATTERNS))}", repr(firing_pattern)))
    pattern = firing_pattern.lower()
    if pattern not in PATTERNS:
        raise ValueError(must("firing_pattern", f"be one of {', '.join(map(repr, PATTERNS))}", repr(firing_pattern)))
    return pattern
