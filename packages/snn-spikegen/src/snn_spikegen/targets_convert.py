"""Labels as targets, in a code chosen by name."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_spikegen._messages import must
from snn_spikegen.targets_latency import targets_latency
from snn_spikegen.targets_rate import targets_rate


def targets_convert(
    targets: Tensor,
    num_classes: int,
    code: str = "rate",
    num_steps: int = False,
    first_spike_time: int = 0,
    correct_rate: float = 1,
    incorrect_rate: float = 0,
    on_target: float = 1,
    off_target: float = 0,
    firing_pattern: str = "regular",
    interpolate: bool = False,
    epsilon: float = 1e-7,
    threshold: float = 0.01,
    tau: float = 1,
    clip: bool = False,
    normalize: bool = False,
    linear: bool = False,
    bypass: bool = False,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Return targets for labels: those of ``targets_rate`` or, with ``code="latency"``, of ``targets_latency``.

    .. math:: Y = \mathrm{targets\_rate}(y) \text{ or } \mathrm{targets\_latency}(y)

    With ``on_target=1``, ``off_target=0`` and ``interpolate=False`` they are spikes; otherwise, targets for a membrane.

    Args:
        targets: Labels ``[*shape]``, commonly ``[B]``, whole numbers in [0, num_classes - 1] of any real dtype.
        num_classes: Number of classes C.
        code: ``"rate"`` or ``"latency"``.
        num_steps: Number of steps T.
        first_spike_time: Step f of the earliest spike.
        correct_rate: Rate code: share of the steps in which the neuron of the label fires, in [0, 1].
        incorrect_rate: Rate code: the same for the other neurons, no larger than ``correct_rate``.
        on_target: Value at a spike.
        off_target: Value elsewhere.
        firing_pattern: Rate code: ``"regular"``, ``"uniform"`` or ``"poisson"``.
        interpolate: Whether the value rises linearly up to each spike.
        epsilon: Latency code: how far above the threshold the logarithmic code saturates.
        threshold: Latency code: threshold, in (0, 1).
        tau: Latency code: time constant in steps, above 0.
        clip: Latency code: whether the neurons of the wrong classes stay silent.
        normalize: Latency code: whether the wrong classes fire at the last step.
        linear: Latency code: whether time is linear in the value.
        bypass: Latency code: whether spikes after the last step are dropped instead of raising an error.
        generator: Rate code: source of randomness, on any device; the global one of the CPU by default.

    Returns:
        Targets ``[num_steps, *shape, num_classes]``; without the time axis from the rate code with both rates and
        ``first_spike_time`` at their defaults.

    Raises:
        TypeError: If an argument is of the wrong type; see the two functions.
        ValueError: If ``code`` is unknown or an argument out of range; see the two functions.

    Example:
        >>> import torch
        >>> from snn_spikegen import targets_convert
        >>> targets_convert(torch.tensor([1, 0]), num_classes=3)
        tensor([[0., 1., 0.],
                [1., 0., 0.]])
        >>> targets_convert(torch.tensor([1, 0]), num_classes=3, code="latency", num_steps=5, normalize=True).shape
        torch.Size([5, 2, 3])

    Source: ``targets_rate`` and ``targets_latency``.
    """
    if code == "rate":
        return targets_rate(
            targets,
            num_classes,
            num_steps=num_steps,
            first_spike_time=first_spike_time,
            correct_rate=correct_rate,
            incorrect_rate=incorrect_rate,
            on_target=on_target,
            off_target=off_target,
            firing_pattern=firing_pattern,
            interpolate=interpolate,
            epsilon=epsilon,
            generator=generator,
        )
    if code == "latency":
        return targets_latency(
            targets,
            num_classes,
            num_steps=num_steps,
            first_spike_time=first_spike_time,
            on_target=on_target,
            off_target=off_target,
            interpolate=interpolate,
            threshold=threshold,
            tau=tau,
            clip=clip,
            normalize=normalize,
            linear=linear,
            epsilon=epsilon,
            bypass=bypass,
        )
    raise ValueError(must("code", "be 'rate' or 'latency'", repr(code)))
