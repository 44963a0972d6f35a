"""Rate code: larger values spike more often."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from snn_spikegen._arguments import factor, first_step, source, whole_number
from snn_spikegen._data import extent, floating, outside, without_nan
from snn_spikegen._device_checks import answers_at_once
from snn_spikegen._messages import fault, must

_SLIGHTLY = 0.01  # beyond [0, 1], as far as rounding in bfloat16 goes


def rate(
    data: Tensor,
    num_steps: int = False,
    gain: float | Tensor = 1,
    offset: float | Tensor = 0,
    first_spike_time: int = 0,
    time_var_input: bool = False,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Return spikes drawn at every step with the value of the data as their probability.

    .. math:: S[t] \sim \mathrm{Bernoulli}(\mathrm{clamp}(g\,x + o,\ 0,\ 1)), \qquad S[t] = 0 \text{ for } t < f

    Data that vary in time are their own probabilities, ``S[t] ~ Bernoulli(clamp(x[t], 0, 1))``; ``first_spike_time``
    silent steps are then put in front of them.

    A gain or an offset may lead outside of [0, 1]. Without them the data are probabilities: integers above 1, such as
    the bytes of an image, are refused, and other values outside of [0, 1] by more than rounding are clamped with a
    warning.

    Args:
        data: Static data ``[*shape]``, or ``[T, *shape]`` with ``time_var_input=True``. Any real dtype; integers are
            not rescaled, so that an 8-bit image takes ``gain=1 / 255``, or is passed as ``data / 255``.
        num_steps: Number of steps T of the spike train. Needed for static data, must be absent for varying data.
        gain: Factor of static data, a number or a tensor that broadcasts to the spikes.
        offset: Added to static data after the gain, likewise.
        first_spike_time: Number f of silent steps at the start.
        time_var_input: Whether axis 0 of ``data`` is time.
        generator: Source of randomness, on the device of ``data``; the global one by default.

    Returns:
        Spikes, 0 or 1, ``[num_steps, *shape]``, for varying data ``[first_spike_time + T, *shape]``, in the floating
        dtype of ``data`` (the default dtype for integers).

    Raises:
        TypeError: If ``data`` is not a real tensor, a number of steps not an int, ``gain`` or ``offset`` not a number,
            or ``generator`` not a generator.
        ValueError: If the steps do not fit together, a probability is NaN, integers without gain and offset are not 0
            or 1, ``gain`` or ``offset`` is not finite or does not broadcast, or ``generator`` draws elsewhere.

    Warns:
        UserWarning: If ``gain`` or ``offset`` is given for data that vary in time, where they have no effect; if data
            on the CPU without gain and offset have values outside of [0, 1], which are clamped.

    Example:
        >>> import torch
        >>> from snn_spikegen import rate
        >>> rate(torch.tensor([0.0, 1.0]), num_steps=3, first_spike_time=1)
        tensor([[0., 0.],
                [0., 1.],
                [0., 1.]])

    Source: Gerstner et al., Neuronal Dynamics (2014), section 7.2 (Poisson spike trains in discrete time).
    """
    values = floating(data)
    source(generator, values.device)
    steps = whole_number("num_steps", num_steps)
    if not steps and not time_var_input:
        raise ValueError(
            fault(
                "num_steps is not given",
                "pass it for static data, or time_var_input=True for data that already vary over time",
            )
        )
    shape = values.shape if time_var_input else (steps, *values.shape)
    gains, offsets = factor("gain", gain, shape), factor("offset", offset, shape)
    scales = _is_other_than(1, gains) or _is_other_than(0, offsets)
    if time_var_input or not scales:
        _must_be_shares(values, data)
    if time_var_input:
        if steps:
            raise ValueError(
                fault(
                    f"num_steps is {steps}, but time_var_input=True takes the steps from axis 0 of data", "leave it out"
                )
            )
        if values.dim() == 0:
            raise ValueError(must("data", "have a time axis, [T, *shape], with time_var_input=True", "a single number"))
        if scales:
            warnings.warn(
                fault("gain and offset have no effect with time_var_input=True", "pass data * gain + offset as data"),
                UserWarning,
                stacklevel=2,
            )
        first = whole_number("first_spike_time", first_spike_time)
        spikes = values.new_zeros(first + values.shape[0], *values.shape[1:])
        spikes[first:].bernoulli_(_probability(values), generator=generator)
        return spikes
    first = first_step(first_spike_time, steps)
    probability = _probability(values.unsqueeze(0) * gains + offsets).to(values.dtype)
    # Time enters as a view, so that only the spikes cost T times the memory.
    spikes = torch.bernoulli(probability.expand(shape), generator=generator)
    spikes[:first] = 0
    return spikes


def rate_conv(data: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    r"""Return one spike or none for every value, drawn with the value as its probability.

    .. math:: S \sim \mathrm{Bernoulli}(\mathrm{clamp}(x, 0, 1))

    Args:
        data: Probabilities ``[*shape]``, any real dtype; values outside [0, 1] are clamped to it.
        generator: Source of randomness, on the device of ``data``; the global one by default.

    Returns:
        Spikes, 0 or 1, ``[*shape]``, in the floating dtype of ``data`` (the default dtype for integers).

    Raises:
        TypeError: If ``data`` is not a real tensor, or ``generator`` not a generator.
        ValueError: If ``data`` contains NaN, or ``generator`` draws on another device.

    Example:
        >>> import torch
        >>> from snn_spikegen import rate_conv
        >>> rate_conv(torch.tensor([-0.5, 0.0, 1.0, 7.0]))
        tensor([0., 0., 1., 1.])

    Source: Gerstner et al., Neuronal Dynamics (2014), section 7.2.
    """
    values = floating(data)
    source(generator, values.device)
    return torch.bernoulli(_probability(values), generator=generator)


def _is_other_than(number: float, value: float | Tensor) -> bool:
    """Return True if a value, or an entry of it, differs from a number; always True for tensors on an accelerator."""
    if isinstance(value, Tensor):
        return not answers_at_once(value) or bool((value != number).any())
    return value != number


def _must_be_shares(values: Tensor, data: Tensor) -> None:
    """Refuse integers other than 0 and 1, and warn of other values that are far outside of [0, 1]."""
    slack = _SLIGHTLY if data.is_floating_point() else 0
    if slack and not answers_at_once(values):
        return  # a device can stop, but not warn
    if beyond := outside(values, -slack, 1 + slack):
        remedy = "for example an 8-bit image by data / 255, or pass gain and offset"
        if not slack:
            raise ValueError(
                must("data", "be probabilities in [0, 1]", f"values in {list(beyond)}", f"rescale them, {remedy}")
            )
        without_nan(values)
        sides = [side for side, is_there in (("below 0", beyond[0] < 0), ("above 1", beyond[1] > 1)) if is_there]
        warnings.warn(  # in the same words for every batch, so that Python shows it once
            fault(
                f"data has values {' and '.join(sides)}, which are clamped to probabilities in [0, 1]",
                f"rescale them, {remedy}",
            ),
            UserWarning,
            stacklevel=3,
        )


def _probability(values: Tensor) -> Tensor:
    if answers_at_once(values):
        lowest, highest = extent(values)
        if lowest >= 0 and highest <= 1:
            return values
    without_nan(values)
    return values.clamp(0, 1)
