"""Accuracy of recorded spikes and membranes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, overload

import torch
from torch import Tensor

from snn_core import peer
from snn_functional._messages import fault
from snn_functional._population import by_class, check_population
from snn_functional._recording import check_recording, checked_labels, warn_of_membranes, wide
from snn_functional._scalar import Scalar
from snn_functional._scores import Over, check_over, scores
from snn_functional._spike_times import first_spikes
from snn_functional._steps import Steps

__all__ = ["accuracy_membrane", "accuracy_rate", "accuracy_temporal"]

_PASS_SPIKES = "pass the spikes, or use accuracy_membrane"


@overload
def accuracy_rate(
    spk_out: Tensor,
    targets: Tensor,
    population_code: bool = False,
    num_classes: int = False,
    *,
    lengths: Tensor | Sequence[int] | None = None,
    mask: Tensor | None = None,
    return_silent: Literal[False] = False,
) -> Scalar: ...
@overload
def accuracy_rate(
    spk_out: Tensor,
    targets: Tensor,
    population_code: bool = False,
    num_classes: int = False,
    *,
    lengths: Tensor | Sequence[int] | None = None,
    mask: Tensor | None = None,
    return_silent: Literal[True],
) -> tuple[Scalar, Scalar]: ...
def accuracy_rate(
    spk_out: Tensor,
    targets: Tensor,
    population_code: bool = False,
    num_classes: int = False,
    *,
    lengths: Tensor | Sequence[int] | None = None,
    mask: Tensor | None = None,
    return_silent: bool = False,
) -> Scalar | tuple[Scalar, Scalar]:
    r"""Return the share of the samples whose class spikes most.

    .. math:: \frac{1}{B} \sum_b \big[\arg\max_c \textstyle\sum_t S_{tbc} = y_b\big]

    A sample without any output spike has no answer and counts as wrong, or, with
    ``snn.peer.rules.silent_is_class_0``, as the first class; of classes with equal counts the first wins.

    Args:
        spk_out: Output spikes ``[num_steps, batch, num_outputs]``, any real dtype.
        targets: Labels ``[batch]``, integers.
        population_code: Whether a class is the sum of ``num_outputs / num_classes`` neighboring outputs.
        num_classes: Number of classes; needed with ``population_code=True``, without effect otherwise.
        lengths: Number of steps of each sample ``[batch]``, if they differ; later steps do not count.
        mask: Steps that count ``[num_steps, batch]``, bool; replaces ``lengths``.
        return_silent: Whether to return the share of silent samples too.

    Returns:
        The accuracy, in [0, 1], a float that also has ``item()`` and ``round(decimals)``; with ``return_silent=True``
        the accuracy and the share of silent samples.

    Raises:
        TypeError: If ``spk_out`` is not a real tensor, ``targets`` not an integer tensor or ``num_classes`` not an int.
        ValueError: If shapes, labels, lengths or ``num_classes`` do not fit, or ``spk_out`` contains NaN.

    Warns:
        UserWarning: If ``spk_out``, on the CPU, is negative and of several sizes, as membranes are.

    Example:
        >>> import torch
        >>> from snn_functional import accuracy_rate
        >>> spk_out = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]])
        >>> accuracy_rate(spk_out, torch.tensor([0, 0, 0]), return_silent=True)
        (0.3333333333333333, 0.3333333333333333)

    Source: Eshraghian et al., Training Spiking Neural Networks Using Lessons From Deep Learning (2023).
    """
    check_population(population_code, num_classes)
    check_recording(spk_out)
    steps = Steps(spk_out, lengths, mask)
    warn_of_membranes(spk_out, steps, _PASS_SPIKES)
    spikes = steps.only(spk_out.detach())
    counts = by_class(wide(spikes), population_code, num_classes).sum(0)
    labels = checked_labels(targets, spk_out, counts.shape[-1])
    most = counts.amax(-1, keepdim=True)
    least, greatest = _checked_range(most)
    silent = None if least > 0 else _silent(most.squeeze(-1), spikes)  # argmax assigns silent samples to class 0
    answers = counts.argmax(-1) if math.isinf(greatest) else _first(counts, most)
    return _share(answers == labels, silent, return_silent)


@overload
def accuracy_temporal(
    spk_out: Tensor,
    targets: Tensor,
    *,
    lengths: Tensor | Sequence[int] | None = None,
    mask: Tensor | None = None,
    return_silent: Literal[False] = False,
) -> Scalar: ...
@overload
def accuracy_temporal(
    spk_out: Tensor,
    targets: Tensor,
    *,
    lengths: Tensor | Sequence[int] | None = None,
    mask: Tensor | None = None,
    return_silent: Literal[True],
) -> tuple[Scalar, Scalar]: ...
def accuracy_temporal(
    spk_out: Tensor,
    targets: Tensor,
    *,
    lengths: Tensor | Sequence[int] | None = None,
    mask: Tensor | None = None,
    return_silent: bool = False,
) -> Scalar | tuple[Scalar, Scalar]:
    r"""Return the share of the samples whose class spikes first.

    .. math:: \frac{1}{B} \sum_b \big[\arg\min_c t_{bc} = y_b\big]

    A sample without any output spike has no answer and counts as wrong; among classes that fire at the same time the
    first wins. With ``snn.peer.rules.silent_is_class_0`` a silent output counts as one that fires in the last step, so
    that a silent sample is assigned to the first class.

    Args:
        spk_out: Output spikes ``[num_steps, batch, num_outputs]``, any real dtype.
        targets: Labels ``[batch]``, integers.
        lengths: Number of steps of each sample ``[batch]``, if they differ; later steps do not count.
        mask: Steps that count ``[num_steps, batch]``, bool; replaces ``lengths``.
        return_silent: Whether to return the share of silent samples too.

    Returns:
        The accuracy, in [0, 1], a float that also has ``item()`` and ``round(decimals)``; with ``return_silent=True``
        the accuracy and the share of silent samples.

    Raises:
        TypeError: If ``spk_out`` is not a real tensor or ``targets`` not an integer tensor.
        ValueError: If shapes, labels or lengths do not fit, or ``spk_out`` contains NaN.

    Warns:
        UserWarning: If ``spk_out``, on the CPU, is negative and of several sizes, as membranes are.

    Example:
        >>> import torch
        >>> from snn_functional import accuracy_temporal
        >>> spk_out = torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]], [[1.0, 0.0]]])
        >>> accuracy_temporal(spk_out, torch.tensor([1]))
        1.0

    Source: Eshraghian et al., Training Spiking Neural Networks Using Lessons From Deep Learning (2023).
    """
    check_recording(spk_out)
    labels = checked_labels(targets, spk_out, spk_out.shape[-1])
    steps = Steps(spk_out, lengths, mask)
    warn_of_membranes(spk_out, steps, _PASS_SPIKES)
    recording = steps.only(spk_out.detach())
    _checked_range(recording)
    index, spikes = next(first_spikes(recording, steps))
    fired, times = spikes != 0, steps.time(index)
    if not peer.rules.silent_is_class_0:
        # a silent output comes after one that fires in the last step
        times = torch.where(fired, times, len(spk_out))
    return _share(times.argmin(-1) == labels, ~fired.any(-1), return_silent)


def accuracy_membrane(
    mem_out: Tensor,
    targets: Tensor,
    over: Over = "mean",
    *,
    lengths: Tensor | Sequence[int] | None = None,
    mask: Tensor | None = None,
) -> Scalar:
    r"""Return the share of the samples whose class has the highest membrane, as those of a ``snn.Readout``.

    .. math:: \frac{1}{B} \sum_b \big[\arg\max_c z_{bc} = y_b\big]

    z is what :class:`~snn_functional.ce_membrane_loss` takes the cross entropy of: the mean of the membranes over time,
    their maximum or the last ones. Of classes with equal scores the first wins.

    Args:
        mem_out: Membranes ``[num_steps, batch, num_classes]``, any real dtype.
        targets: Labels ``[batch]``, integers.
        over: How the membranes of all steps become the scores z of a sample: ``"mean"``, ``"max"`` or ``"last"``.
        lengths: Number of steps of each sample ``[batch]``, if they differ; later steps do not count.
        mask: Steps that count ``[num_steps, batch]``, bool; replaces ``lengths``.

    Returns:
        The accuracy, in [0, 1], a float that also has ``item()`` and ``round(decimals)``.

    Raises:
        TypeError: If ``mem_out`` is not a real tensor or ``targets`` not an integer tensor.
        ValueError: If shapes, labels, lengths or ``over`` do not fit, or ``mem_out`` contains NaN.

    Example:
        >>> import torch
        >>> from snn_functional import accuracy_membrane
        >>> mem_out = torch.tensor([[[0.5, -2.0]], [[-0.1, 1.0]]])  # the means are 0.2 and -0.5
        >>> accuracy_membrane(mem_out, torch.tensor([0])), accuracy_membrane(mem_out, torch.tensor([0]), "last")
        (1.0, 0.0)

    Source: Cramer et al., The Heidelberg Spiking Data Sets for the Systematic Evaluation of Spiking Neural Networks
        (2022), maximum and last step; Bittar and Garner, A surrogate gradient spiking baseline for speech command
        recognition (2022), sum.
    """
    check_over(over)
    check_recording(mem_out, "mem_out")
    steps = Steps(mem_out, lengths, mask, "mem_out")
    labels = checked_labels(targets, mem_out, mem_out.shape[-1], "mem_out")
    of_classes = scores(wide(steps.only(mem_out.detach())), steps, over)
    _checked_range(of_classes, "mem_out contains NaN, which is not a potential")
    return Scalar(int((of_classes.argmax(-1) == labels).sum()) / labels.numel())


vars(accuracy_membrane)["recording"] = "mem_out"  # what fit passes to it, as to a loss of membranes


def _checked_range(
    values: Tensor, problem: str = "spk_out contains NaN, which is neither a spike nor the absence of one"
) -> tuple[float, float]:
    """Return the smallest and the largest value, after checking for NaN, which no comparison would detect."""
    least, greatest = map(float, values.aminmax())
    if math.isnan(least):
        raise ValueError(fault(problem, "look for its source in the net"))
    return least, greatest


def _first(counts: Tensor, most: Tensor) -> Tensor:
    """Return the first index of the highest, finite counts ``[B, K]``, twice as fast as argmax."""
    index = torch.arange(counts.shape[-1], dtype=counts.dtype, device=counts.device)
    return (counts - most).sign_().mul_(-counts.shape[-1]).add_(index).amin(-1)


def _silent(most: Tensor, spikes: Tensor) -> Tensor:
    """Return True for samples without a spike; a highest count of 0 may also be the sum of spikes of both signs."""
    silent = most == 0
    candidates = silent.nonzero().squeeze(-1)
    silent[candidates] = ~spikes[:, candidates].bool().any(2).any(0)
    return silent


def _share(correct: Tensor, silent: Tensor | None, return_silent: bool) -> Scalar | tuple[Scalar, Scalar]:
    """Return the share of samples that are correct and not silent; None means that no sample is silent."""
    batch = correct.numel()
    answered = correct if silent is None or peer.rules.silent_is_class_0 else correct & ~silent
    accuracy = Scalar(int(answered.sum()) / batch)
    return (accuracy, Scalar(0 if silent is None else int(silent.sum()) / batch)) if return_silent else accuracy
