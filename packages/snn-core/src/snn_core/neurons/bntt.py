"""Batch normalization through time: every time step has its own statistics and scale."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from snn_core.neuron.constant import must_be_a_count
from snn_core.neuron.temporal import Temporal, watched


class _BatchNormTT(Temporal, nn.ModuleList):
    """A list of batch normalizations, one for each time step, without bias."""

    keeps_by_sample: ClassVar[bool] = True

    _entry: type[nn.Module]

    def __init__(
        self, input_features: int, time_steps: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True
    ) -> None:
        must_be_a_count(f"{type(self).__name__}: time_steps", time_steps)
        super().__init__(
            self._entry(input_features, eps=eps, momentum=momentum, affine=affine) for _ in range(time_steps)
        )
        for norm in self:
            norm.register_parameter("bias", None)

    def __getitem__(self, index: Any) -> Any:  # pyrefly: ignore[bad-override]  (narrower overloads, same behavior)
        return nn.ModuleList(list(self)[index]) if isinstance(index, slice) else super().__getitem__(index)

    @watched
    def forward(self, x: Tensor) -> Tensor:
        """Normalize one time step with its own entry; the first call after ``utils.reset`` is step 0.

        Args:
            x: Input of one step, ``[batch, features, ...]``.

        Returns:
            The normalized step, of the same shape.

        Raises:
            ValueError: If there are more steps than entries.
        """
        return self.run_one(x)

    def run_steps(self, xs: Tensor, kept: Any, trace: bool = False) -> tuple[Tensor, Any]:
        outs = []
        for x in xs.unbind(0):
            outs.append(self[self._step_of(kept)](x))
            kept = (kept[0] + 1,) if isinstance(kept, tuple) else (kept or 0) + 1
        return torch.cat(outs).unflatten(0, xs.shape[:2]), kept

    def _step_of(self, kept: Any) -> int:
        """Return the common step of the samples, from the number of steps that each has had."""
        had = kept[0].unique().tolist() if isinstance(kept, tuple) else [kept or 0]
        if len(had) > 1:
            raise ValueError(
                f"{type(self).__name__} has one entry per step for all samples, but they have had {had} steps, as some "
                "ended before others; call snn.utils.reset(net) before a new sequence"
            )
        step = had[0] if had else 0
        if step >= len(self):
            raise ValueError(
                f"{type(self).__name__} has entries for time_steps={len(self)} steps from 0, got step {step}; "
                "build it with more, or call snn.utils.reset(net) before a new sequence"
            )
        return step


class BatchNormTT1d(_BatchNormTT):
    r"""Batch normalization through time for feature vectors.

    .. math:: y[t] = \gamma[t]\,\frac{x[t] - \mu[t]}{\sqrt{\sigma^2[t] + \epsilon}}

    It is a list indexed by time step, ``bn[t](x)``. Called as a layer, ``bn(x)``, it counts the steps itself, from 0
    after ``utils.reset(net)``.

    Args:
        input_features: Features C of the input.
        time_steps: Number of steps, each with its own statistics and scale.
        eps: Added to the variance.
        momentum: Momentum of the running statistics.
        affine: True for a learned scale; there is never a bias.

    If lengths are passed to ``unroll``, the statistics of a step are those of the samples that have not ended.

    Shape:
        one step ``[batch, C]`` or ``[batch, C, length]``.

    Raises:
        ValueError: If ``time_steps`` is not a whole number of at least 1, or it is called for more steps.

    Example:
        >>> bn = BatchNormTT1d(3, time_steps=2)
        >>> len(bn), bn[0].bias, bn(torch.rand(4, 3)).shape
        (2, None, torch.Size([4, 3]))

    Source: Kim and Panda, Revisiting Batch Normalization for Training Low-Latency Deep Spiking Neural Networks (2021).
    """

    _entry = nn.BatchNorm1d


class BatchNormTT2d(_BatchNormTT):
    r"""Batch normalization through time for images, like :class:`~snn_core.BatchNormTT1d`.

    Args:
        input_features: Channels C of the input.
        time_steps: Number of steps, each with its own statistics and scale.
        eps: Added to the variance.
        momentum: Momentum of the running statistics.
        affine: True for a learned scale; there is never a bias.

    Shape:
        one step ``[batch, C, H, W]``.

    Raises:
        ValueError: If ``time_steps`` is not a whole number of at least 1, or it is called for more steps.

    Example:
        >>> BatchNormTT2d(3, time_steps=2)(torch.rand(4, 3, 5, 5)).shape
        torch.Size([4, 3, 5, 5])

    Source: Kim and Panda, Revisiting Batch Normalization for Training Low-Latency Deep Spiking Neural Networks (2021).
    """

    _entry = nn.BatchNorm2d
