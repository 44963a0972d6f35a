"""Labels as latency-coded targets: the neuron of the right class fires first."""

from __future__ import annotations

from torch import Tensor

from snn_spikegen.latency import latency
from snn_spikegen.one_hot import to_one_hot


def targets_latency(
    targets: Tensor,
    num_classes: int,
    num_steps: int = False,
    first_spike_time: int = 0,
    on_target: float = 1,
    off_target: float = 0,
    interpolate: bool = False,
    threshold: float = 0.01,
    tau: float = 1,
    clip: bool = False,
    normalize: bool = False,
    linear: bool = False,
    epsilon: float = 1e-7,
    bypass: bool = False,
) -> Tensor:
    r"""Return targets in which the neuron of the label fires first and every other neuron last.

    .. math:: Y = \mathrm{latency}(\mathrm{one\_hot}(y))

    Args:
        targets: Labels ``[*shape]``, commonly ``[B]``, whole numbers in [0, num_classes - 1] of any real dtype.
        num_classes: Number of classes C.
        num_steps: Number of steps T. May be absent with ``bypass=True``: the latest spike then sets it.
        first_spike_time: Step f of the spike of the right class.
        on_target: Value at the spike.
        off_target: Value elsewhere.
        interpolate: Whether the value rises linearly from ``off_target`` at step 0 to ``on_target`` at the spike.
        threshold: Threshold of the code, in (0, 1).
        tau: Time constant in steps, above 0.
        clip: Whether the neurons of the wrong classes stay silent.
        normalize: Whether the wrong classes fire at step T - 1 (with ``linear=True`` at the step nearest to
            f + (1 - threshold) (T - 1 - f)).
        linear: Whether time is coded by ``latency_code_linear`` rather than ``latency_code_log``.
        epsilon: How far above the threshold the logarithmic code saturates.
        bypass: Whether spikes later than T - 1 are dropped instead of raising an error.

    Returns:
        Targets ``[num_steps, *shape, num_classes]``, in the default dtype; labels in a floating dtype keep it.

    Raises:
        TypeError: If ``targets`` is not a real tensor, a number of steps or classes not an int, or another argument not
            a number.
        ValueError: If a label is not a class, an argument is out of range, ``num_steps`` is missing, or a spike comes
            after the last step.

    Example:
        >>> import torch
        >>> from snn_spikegen import targets_latency
        >>> targets_latency(torch.tensor([1]), num_classes=2, num_steps=3, normalize=True)[:, 0]
        tensor([[0., 1.],
                [0., 0.],
                [1., 0.]])

    Source: Bohte, Kok and La Poutre, Error-backpropagation in temporally encoded networks of spiking neurons (2002).
    """
    return latency(
        to_one_hot(targets, num_classes),
        num_steps=num_steps,
        threshold=threshold,
        tau=tau,
        first_spike_time=first_spike_time,
        on_target=on_target,
        off_target=off_target,
        clip=clip,
        normalize=normalize,
        linear=linear,
        interpolate=interpolate,
        bypass=bypass,
        epsilon=epsilon,
    )
