"""Statistics of the activity of neurons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from snn_functional._device_checks import is_any
from snn_functional._messages import fault, must
from snn_functional._numbers import finite, share
from snn_functional._recording import check_sequence
from snn_functional._steps import Steps


def firing_rate(
    spk: Tensor,
    dt: float = 1.0,
    *,
    lengths: Tensor | Sequence[int] | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    r"""Return the firing rate of each neuron, over all steps of all samples.

    .. math:: \nu = \frac{1}{B\,T\,\Delta t} \sum_{t,b} \big[ S_{tb} \ne 0 \big]

    A graded or negative spike counts as one. The rate has no gradient; ``l1_rate_sparsity`` is a penalty that has one.

    Args:
        spk: Spikes ``[num_steps, batch, ...]``, any real dtype.
        dt: Length of a step in seconds, for a rate in hertz; with 1 the rate is in spikes per step.
        lengths: Number of steps of each sample ``[batch]``, if they differ; later steps do not count.
        mask: Steps that count ``[num_steps, batch]``, bool; replaces ``lengths``.

    Returns:
        Rates ``[...]``, in the default dtype; their mean is the rate of the layer.

    Raises:
        TypeError: If ``spk`` is not a real tensor, ``dt`` not a number, ``lengths`` are not integers or ``mask`` is not
            bool.
        ValueError: If a shape does not fit, ``spk`` is empty or contains NaN, or ``dt`` is not positive.

    Example:
        >>> import torch
        >>> from snn_functional import firing_rate
        >>> spk = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]], [[0.0, 0.0]], [[1.0, 1.0]]])
        >>> firing_rate(spk)
        tensor([0.7500, 0.2500])
        >>> firing_rate(spk, dt=0.001)
        tensor([750., 250.])

    Source: Gerstner et al., Neuronal Dynamics (2014), section 7.2.
    """
    duration = finite("dt", dt, "the length of a step in seconds")
    if duration <= 0:
        raise ValueError(must("dt", "be greater than 0, in seconds", dt))
    return (_rates(spk, lengths, mask) / duration).to(torch.get_default_dtype())


def sparsity(spk: Tensor, *, lengths: Tensor | Sequence[int] | None = None, mask: Tensor | None = None) -> float:
    r"""Return the share of the neurons' steps without a spike.

    Args:
        spk: Spikes ``[num_steps, batch, ...]``, any real dtype.
        lengths: Number of steps of each sample ``[batch]``, if they differ; later steps do not count.
        mask: Steps that count ``[num_steps, batch]``, bool; replaces ``lengths``.

    Returns:
        The share, in [0, 1]; 1 for a silent layer.

    Raises:
        TypeError: If ``spk`` is not a real tensor, ``lengths`` are not integers or ``mask`` is not bool.
        ValueError: If a shape does not fit, or ``spk`` is empty or contains NaN.

    Example:
        >>> import torch
        >>> from snn_functional import sparsity
        >>> sparsity(torch.tensor([[[1.0, 0.0, 0.0, 0.0]]]))
        0.75

    Source: Yik et al., The neurobench framework for benchmarking neuromorphic computing algorithms and systems
    (2025), activation sparsity.
    """
    spikes, steps = _counts(spk, lengths, mask)
    return 1 - int(spikes.sum()) / (int(steps) * spikes.numel())


def dead_neurons(
    spk: Tensor,
    rate: float = 0.0,
    *,
    lengths: Tensor | Sequence[int] | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Find the neurons that never fire, or hardly ever.

    Args:
        spk: Spikes ``[num_steps, batch, ...]``, any real dtype.
        rate: Spikes per step up to which a neuron counts as dead, in [0, 1].
        lengths: Number of steps of each sample ``[batch]``, if they differ; later steps do not count.
        mask: Steps that count ``[num_steps, batch]``, bool; replaces ``lengths``.

    Returns:
        Bools ``[...]``, True where a neuron is dead; their mean is the share of dead neurons.

    Raises:
        TypeError: If ``spk`` is not a real tensor, ``rate`` not a number, ``lengths`` are not integers or ``mask`` is
            not bool.
        ValueError: If a shape does not fit, ``spk`` is empty or contains NaN, or ``rate`` is outside [0, 1].

    Example:
        >>> import torch
        >>> from snn_functional import dead_neurons
        >>> dead_neurons(torch.tensor([[[1.0, 0.0]], [[0.0, 0.0]]]))
        tensor([False,  True])

    Source: Rossbroich, Gygax and Zenke, Fluctuation-driven initialization for spiking neural network training (2022).
    """
    limit = share("rate", rate, "in spikes per step")
    return _rates(spk, lengths, mask) <= limit


def saturated_neurons(
    spk: Tensor,
    rate: float = 1.0,
    *,
    lengths: Tensor | Sequence[int] | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Find the neurons that fire in every step, or nearly so.

    Args:
        spk: Spikes ``[num_steps, batch, ...]``, any real dtype.
        rate: Spikes per step from which a neuron counts as saturated, in [0, 1].
        lengths: Number of steps of each sample ``[batch]``, if they differ; later steps do not count.
        mask: Steps that count ``[num_steps, batch]``, bool; replaces ``lengths``.

    Returns:
        Bools ``[...]``, True where a neuron is saturated; their mean is the share of saturated neurons.

    Raises:
        TypeError: If ``spk`` is not a real tensor, ``rate`` not a number, ``lengths`` are not integers or ``mask`` is
            not bool.
        ValueError: If a shape does not fit, ``spk`` is empty or contains NaN, or ``rate`` is outside [0, 1].

    Example:
        >>> import torch
        >>> from snn_functional import saturated_neurons
        >>> saturated_neurons(torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]]]))
        tensor([ True, False])

    Source: Rossbroich, Gygax and Zenke, Fluctuation-driven initialization for spiking neural network training (2022).
    """
    limit = share("rate", rate, "in spikes per step")
    return _rates(spk, lengths, mask) >= limit


def _rates(spk: Any, lengths: Any, mask: Any) -> Tensor:
    """Return the spikes per step of each neuron, float64."""
    spikes, steps = _counts(spk, lengths, mask)
    return spikes.double() / steps


def _counts(spk: Any, lengths: Any, mask: Any) -> tuple[Tensor, int | Tensor]:
    """Return the number of spikes of each neuron, and the number of steps of all samples."""
    check_sequence(spk, "spk")
    steps = Steps(spk, lengths, mask, "spk")
    counted = steps.only(spk.detach())
    problem = "spk contains NaN, which is neither a spike nor the absence of one"
    if is_any(counted.isnan(), problem):
        raise ValueError(fault(problem, "look for its source in the net"))
    number = steps.number
    return (counted != 0).sum((0, 1)), number * spk.shape[1] if isinstance(number, int) else number.sum()
