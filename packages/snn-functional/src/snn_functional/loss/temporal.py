"""Losses of the times of spikes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from snn_functional._device_checks import is_any
from snn_functional._messages import fault, must
from snn_functional._numbers import as_tensor, finite
from snn_functional._placed import placed
from snn_functional._spike_times import spike_times
from snn_functional._steps import Steps
from snn_functional.loss._labeled_loss import CrossEntropy, LabeledLoss

INVERSES = ("negate", "reciprocal")


class mse_temporal_loss(LabeledLoss):  # noqa: N801
    r"""Squared distance of spike times from the desired times, as shares of the sequence.

    .. math:: l_{bc} = \Big(\frac{t_{bc} - \hat t_{bc}}{T}\Big)^2

    t is the time of the first spike of an output, or the last step T - 1 if it is silent; a negative target counts from
    the end. A spike comes earlier if the membrane is higher, so the gradient at the spike is minus the gradient of its
    time.

    Args:
        target_is_time: Whether the targets are spike times, with a shape that broadcasts to ``[batch, num_outputs]``,
            instead of labels.
        on_target: Spike time of the correct class; with ``multi_spike`` one for each of F spikes.
        off_target: Spike time of the others; with ``multi_spike`` one for each of F spikes.
        tolerance: A spike that is closer than this to its target, in steps, has no error.
        multi_spike: Whether each of the first F spikes of an output has a target. Spike times as targets then have a
            shape that begins with F and broadcasts to ``[F, batch, num_outputs]``.
        reduction: ``"mean"`` or ``"sum"`` over all errors, or ``"none"``.
        weight: Weight of each class ``[num_outputs]``; the mean is divided by the sum of the samples' weights. Not
            with ``target_is_time=True``, where there is no label.

    Shape:
        spikes ``[num_steps, batch, num_outputs]`` and targets; the loss is a scalar, with ``reduction="none"``
        ``[batch, num_outputs]``, ``[F, batch, num_outputs]`` with ``multi_spike``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If an argument is out of range, or ``on_target`` and ``off_target`` differ in length.

    Example:
        >>> import torch
        >>> from snn_functional import mse_temporal_loss
        >>> spk_out = torch.zeros(4, 1, 2)
        >>> spk_out[1, 0, 0] = 1  # one step late; the other output is silent, as wanted
        >>> mse_temporal_loss(reduction="none")(spk_out, torch.tensor([0]))
        tensor([[0.0625, 0.0000]])

    Source: Bohte, Kok and La Poutre, Error-backpropagation in temporally encoded networks of spiking neurons (2002).
    """

    __name__ = "mse_temporal_loss"
    instead: ClassVar[str] = "mse_membrane_loss"

    def __init__(
        self,
        target_is_time: bool = False,
        on_target: float | Tensor | Sequence[float] = 0,
        off_target: float | Tensor | Sequence[float] = -1,
        tolerance: float = 0,
        multi_spike: bool = False,
        reduction: str = "mean",
        weight: Tensor | Sequence[float] | None = None,
    ) -> None:
        super().__init__(reduction=reduction, weight=weight)
        if target_is_time and weight is not None:
            raise ValueError(
                fault(
                    "weight is given with target_is_time=True, but a class weight needs labels as targets",
                    "leave out weight",
                )
            )
        self.tolerance: float = finite("tolerance", tolerance, "a number of steps")
        if self.tolerance < 0:
            raise ValueError(must("tolerance", "be at least 0, in steps", tolerance))
        self.target_is_time = target_is_time
        self.multi_spike = multi_spike
        if not target_is_time:
            self.on_target: Tensor = _times("on_target", on_target, multi_spike)
            self.off_target: Tensor = _times("off_target", off_target, multi_spike)
            if len(self.on_target) != len(self.off_target):
                raise ValueError(
                    fault(
                        f"on_target has {len(self.on_target)} spikes and off_target {len(self.off_target)}",
                        "give every output the same number",
                    )
                )
            self._times: list[float] = [*self.on_target.tolist(), *self.off_target.tolist()]

    def checked_targets(self, targets: Tensor, outputs: Tensor, steps: Steps) -> Tensor:
        """Return labels ``[B]``, or with ``target_is_time`` spike times ``[F, B, K]``."""
        if not self.target_is_time:
            return super().checked_targets(targets, outputs, steps)
        if not isinstance(targets, Tensor):
            raise TypeError(
                must("targets", "be a torch.Tensor", type(targets).__name__, "pass torch.as_tensor(targets)")
            )
        if targets.is_complex() or targets.dtype == torch.bool:
            raise TypeError(must("targets", "be real numbers", f"dtype {targets.dtype}"))
        times = targets.to(outputs)
        if self.multi_spike:
            if times.shape[:1] == (0,):
                raise ValueError(
                    must(
                        "targets",
                        "have at least one spike time, [F, batch, num_outputs], with multi_spike=True",
                        f"shape {tuple(targets.shape)}",
                    )
                )
            if 0 < times.dim() < 3:
                times = times.unflatten(0, (-1, *[1] * (3 - times.dim())))
        try:
            times = times.expand(-1 if self.multi_spike else 1, *outputs.shape[1:])
        except RuntimeError:
            axes = "[F, batch, num_outputs]" if self.multi_spike else "[batch, num_outputs]"
            raise ValueError(
                must(
                    "targets",
                    f"broadcast to {axes} for spk_out with batch {outputs.shape[1]} and {outputs.shape[2]} outputs",
                    f"shape {tuple(targets.shape)}",
                )
            ) from None
        _check_times(times, steps, outputs.shape[0])
        return times

    def losses(self, outputs: Tensor, targets: Tensor, steps: Steps, group: int) -> Tensor:
        """Return the squared errors, ``[B, K]`` or ``[F, B, K]``."""
        expected = targets if self.target_is_time else self._of_labels(targets, outputs, steps)
        number = steps.numbers(outputs.device).to(outputs).reshape(-1, 1)
        expected = torch.where(expected < 0, expected + number, expected)
        times = spike_times(outputs, steps, len(expected))
        error = (times - expected).masked_fill((times - expected).abs() < self.tolerance, 0)
        errors = (error / number).square()
        return errors if self.multi_spike else errors[0]

    def _of_labels(self, labels: Tensor, outputs: Tensor, steps: Steps) -> Tensor:
        recorded = outputs.shape[0]
        if wrong := [time for time in self._times if not -recorded <= time < math.inf]:
            raise _not_a_step(wrong[0], recorded)
        if steps.counted is not None and min(self._times) < -1:
            _check_times(outputs.new_full((1, len(labels), 1), min(self._times)), steps, recorded)
        on, off = (placed(t, outputs).reshape(-1, 1, 1) for t in (self.on_target, self.off_target))
        index = labels.reshape(1, -1, 1).expand(len(on), -1, -1)
        return off.expand(-1, *outputs.shape[1:]).scatter(-1, index, on.expand(-1, len(labels), 1))


class ce_temporal_loss(CrossEntropy):  # noqa: N801
    r"""Cross entropy of spike times, where the earliest output is the answer.

    .. math:: l_b = \mathrm{CE}(-t_b, y_b) \quad\text{or}\quad \mathrm{CE}\big(1 / (t_b + 1),\ y_b\big)

    t is the time of the first spike of each output, or the last step if it is silent. The gradient at a spike is minus
    the gradient of its time.

    Args:
        inverse: ``"negate"`` or ``"reciprocal"``: how an early time becomes a high score.
        reduction: ``"mean"`` or ``"sum"`` over the batch, or ``"none"``.
        weight: Weight of each class ``[num_outputs]``; the mean is divided by the weights' sum.
        label_smoothing: Share of the label that is spread over all classes, in [0, 1]; with ``weight``, which then
            multiplies the terms of its class, as in ``torch.nn.functional.cross_entropy``.

    Shape:
        spikes ``[num_steps, batch, num_outputs]`` and labels ``[batch]``; the loss is a scalar, ``[batch]`` with
        ``reduction="none"``.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If an argument is out of range.

    Example:
        >>> import torch
        >>> from snn_functional import ce_temporal_loss
        >>> spk_out = torch.zeros(4, 1, 2)
        >>> spk_out[3] = 1  # both at once
        >>> ce_temporal_loss()(spk_out, torch.tensor([0]))  # ln 2
        tensor(0.6931)

    Source: Mostafa, Supervised learning based on temporal coding in spiking neural networks (2018).
    """

    __name__ = "ce_temporal_loss"
    instead: ClassVar[str] = "ce_max_membrane_loss"

    def __init__(
        self,
        inverse: str = "negate",
        reduction: str = "mean",
        weight: Tensor | Sequence[float] | None = None,
        *,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction=reduction, weight=weight, label_smoothing=label_smoothing)
        if inverse not in INVERSES:
            raise ValueError(must("inverse", f"be one of {', '.join(map(repr, INVERSES))}", repr(inverse)))
        self.inverse = inverse

    def losses(self, outputs: Tensor, targets: Tensor, steps: Steps, group: int) -> Tensor:
        """Return the cross entropy of the inverted times, ``[B]``."""
        times = spike_times(outputs, steps)[0]
        return self.cross_entropy(-times if self.inverse == "negate" else 1 / (times + 1), targets)


def _times(name: str, times: Any, multi_spike: bool) -> Tensor:
    """Return spike times ``[F]``."""
    tensor = as_tensor(name, times, "a number of steps, or with multi_spike=True a list")
    if tensor.is_complex() or tensor.dtype == torch.bool:
        raise TypeError(must(name, "be real numbers", f"dtype {tensor.dtype}"))
    if tensor.dim() != int(multi_spike) or not tensor.numel():
        expected = (
            "one time for each spike, [F], with multi_spike=True"
            if multi_spike
            else "one time, or a list with multi_spike=True"
        )
        raise ValueError(must(name, f"be {expected}", repr(times)))
    return tensor.reshape(-1)


def _check_times(times: Tensor, steps: Steps, recorded: int) -> None:
    """Check times ``[F, B, K]``, each against the number of steps of its sample."""
    if torch.compiler.is_compiling():
        return
    least = -steps.numbers(times.device).reshape(-1, 1).expand_as(times)
    wrong = ~((times >= least) & times.isfinite())
    fewer = "" if steps.counted is None else ", or fewer in a sample of its own length"
    if is_any(wrong, f"targets must be at least {-recorded} with {recorded} steps{fewer}"):
        raise _not_a_step(times[wrong][0].item(), -int(least[wrong][0]))


def _not_a_step(time: float, steps: int) -> ValueError:
    return ValueError(
        must("a target time", f"be at least {-steps} with {steps} steps (negative ones count from the end)", time)
    )
