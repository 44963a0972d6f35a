"""Batch normalization over time: one mean and one variance for all steps and samples of a sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_core.engines.dtypes import as_dtype
from snn_core.neuron.constant import must_be_a_count, must_be_positive
from snn_core.neuron.temporal import as_floating, watched
from snn_core.neuron.whole_sequence import WholeSequence


class _BatchNormOverTime(WholeSequence):
    """A batch normalization of torch over the rows of all steps; that of torch comes next among the bases."""

    mixes_samples: ClassVar[bool] = True

    _entry: ClassVar[Any]  # torch's normalization of the rows
    _axes: ClassVar[str]  # of one sample

    num_features: int
    eps: float
    weight: Any  # tensors, or None
    bias: Any
    running_mean: Any
    step_weight: nn.Parameter | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        scale: float = 1.0,
        time_steps: int | None = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        name = type(self).__name__
        must_be_a_count(f"{name}: num_features", num_features)
        must_be_positive(f"{name}: scale", scale)
        if time_steps is not None:
            must_be_a_count(f"{name}: time_steps", time_steps)
        if scale != 1 and not affine:
            raise ValueError(f"{name}: {scale=} is where the weight begins, and affine=False has none; leave one out")
        self.scale = scale  # reset_parameters, which the constructor of torch calls, needs it
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device=device, dtype=dtype)
        self.time_steps = time_steps
        steps = None if time_steps is None else nn.Parameter(torch.ones(time_steps, device=device, dtype=dtype))
        self.register_parameter("step_weight", steps)

    def reset_parameters(self) -> None:
        """Begin again: the weight is the scale, the factors of the steps are 1, and there are no statistics."""
        self._entry.reset_parameters(self)
        for name, start in (("weight", self.scale), ("step_weight", 1.0)):
            parameter = getattr(self, name, None)
            if parameter is not None:
                nn.init.constant_(parameter, start)

    @property
    def output_names(self) -> tuple[str, ...]:
        return ("out",)

    @property
    def may_be_cut(self) -> bool:
        return not self.training and self.running_mean is not None and self.step_weight is None

    @property
    def instead(self) -> str:
        norm = f"nn.{self._entry.__name__}"
        if self.step_weight is not None:
            return f"leave time_steps out, or use {norm}, which has statistics for each step while training"
        if self.running_mean is None:
            return f"use {norm}, which has statistics for each step"
        remedy = f"use {norm}, which loads the same state_dict, and has statistics for each step while training"
        return f"call net.eval(), or {remedy}" if self.training else remedy

    @watched
    def forward(self, input_: Tensor) -> Tensor:
        """Normalize a sequence or, in evaluation, a sequence or one step.

        Args:
            input_: The sequence ``[T, batch, features, ...]``, T >= 1; the step ``[batch, features, ...]``.

        Returns:
            The normalized input, of the same shape.

        Raises:
            ValueError: If the input has another number of axes or features, or more steps than ``time_steps``; if it
                is one step where the statistics of a sequence are needed, or has a single value for each feature.
        """
        x = as_floating(input_, type(self).__name__)
        if x.dim() != self._axes.count(",") + 2 or not self.may_be_cut:
            return self.sequence(x)
        return self.of_rows(x, (x.shape[0],))  # len(x) would fix it for a compiler

    def sequence(self, xs: Tensor) -> Tensor:
        """Return the normalized steps ``[T, batch, features, ...]`` of an input of the same shape."""
        name, axes = type(self).__name__, self._axes.count(",") + 3
        if xs.dim() == axes - 1:
            raise ValueError(
                f"{name} needs all steps of a sequence here, and got one step {tuple(xs.shape)}; pass "
                f"[T, batch, {self._axes}], as snn.unroll(net, xs) does, or {self.instead}"
            )
        if xs.dim() != axes or xs.shape[0] == 0:
            raise ValueError(f"{name} takes a whole sequence [T, batch, {self._axes}], T >= 1, got {tuple(xs.shape)}")
        return self.of_rows(xs.flatten(0, 1), (xs.shape[1],) * xs.shape[0]).unflatten(0, xs.shape[:2])

    def of_rows(self, rows: Tensor, running: tuple[int, ...]) -> Tensor:
        rows = self._fitting(rows)
        if self.step_weight is not None and len(running) > len(self.step_weight):
            raise ValueError(
                f"{type(self).__name__} has weights for time_steps={len(self.step_weight)} steps, got {len(running)}; "
                "build it with more"
            )
        out: Tensor = self._entry.forward(self, rows)
        if self.step_weight is None:
            return out
        counts = torch.tensor(running, device=rows.device)
        factors = as_dtype(self.step_weight[: len(running)], out.dtype).repeat_interleave(counts, output_size=len(rows))
        return out * factors.view(-1, *[1] * (out.dim() - 1))

    def of_one_step(self, compute: Callable[..., Any], x: Tensor) -> Any:
        if self.may_be_cut:
            return super().of_one_step(compute, x)
        rows = self._fitting(x)
        twice = torch.cat([rows, rows])  # as a single sample has no variance
        return F.batch_norm(twice, None, None, self.weight, self.bias, True, 0.0, self.eps)[: len(rows)]

    def _fitting(self, rows: Tensor) -> Tensor:
        name = type(self).__name__
        if rows.dim() != self._axes.count(",") + 2 or rows.shape[1] != self.num_features:
            raise ValueError(
                f"{name} has {self.num_features} features in steps [batch, {self._axes}], got {tuple(rows.shape)}"
            )
        return as_floating(rows, name)

    def extra_repr(self) -> str:
        options = [f"scale={self.scale}"] if self.scale != 1 else []
        options += [] if self.time_steps is None else [f"time_steps={self.time_steps}"]
        return ", ".join([self._entry.extra_repr(self), *options])


class BatchNormOverTime1d(_BatchNormOverTime, nn.BatchNorm1d):
    r"""Batch normalization over time for feature vectors.

    .. math::
        y[t] = p[t] \left(\gamma\,\frac{x[t] - \mu}{\sqrt{\sigma^2 + \epsilon}} + b\right)

    The mean :math:`\mu` and the variance :math:`\sigma^2` of a feature are those of all steps and samples. In
    evaluation, they are the running statistics, and the layer also takes single steps.

    Args:
        num_features: Features of the input.
        eps: Added to the variance.
        momentum: Momentum of the running statistics, which each sequence updates once; None for their average.
        affine: True for a learned weight :math:`\gamma` and bias b.
        track_running_stats: False to use the statistics of the sequence in evaluation too.
        scale: Value with which the weights begin; :math:`\alpha\,\vartheta` with the threshold :math:`\vartheta` of the
            next neurons makes this tdBN, where it is a constant factor beside the weights.
        time_steps: Largest number of steps, each with a learned factor p[t], which begins at 1; this is TEBN. None for
            no factors.
        device: Device of the parameters and statistics.
        dtype: Their dtype.

    It has the parameters and buffers of ``nn.BatchNorm1d``, which without ``time_steps`` gives the same in evaluation.
    If lengths are passed to ``unroll``, the statistics are those of the steps that the samples have. Torch's
    ``convert_sync_batchnorm`` would replace it by a layer with statistics of each step.

    Shape:
        input ``[T, batch, num_features]``, output the same; in evaluation also one step ``[batch, num_features]``.

    Raises:
        ValueError: If ``num_features`` or ``time_steps`` is not a whole number of at least 1; if ``scale`` is not
            positive, or is not 1 though there are no weights; if the input does not fit.

    Example:
        >>> bn = BatchNormOverTime1d(3)
        >>> xs = torch.rand(5, 4, 3)
        >>> torch.equal(bn(xs), nn.BatchNorm1d(3)(xs.flatten(0, 1)).unflatten(0, (5, 4)))
        True
        >>> bn.eval()(xs[0]).shape
        torch.Size([4, 3])

    Source: Zheng et al., Going Deeper With Directly-Trained Larger Spiking Neural Networks (2021), tdBN; Duan et al.,
        Temporal Effective Batch Normalization in Spiking Neural Networks (2022), TEBN.
    """

    _entry = nn.BatchNorm1d
    _axes = "features"


class BatchNormOverTime2d(_BatchNormOverTime, nn.BatchNorm2d):
    r"""Batch normalization over time for images, like :class:`~snn_core.BatchNormOverTime1d`.

    Args:
        num_features: Channels of the input.
        eps: Added to the variance.
        momentum: Momentum of the running statistics, which each sequence updates once; None for their average.
        affine: True for a learned weight and bias.
        track_running_stats: False to use the statistics of the sequence in evaluation too.
        scale: Value with which the weights begin.
        time_steps: Largest number of steps, each with a learned factor; None for no factors.
        device: Device of the parameters and statistics.
        dtype: Their dtype.

    Shape:
        input ``[T, batch, num_features, H, W]``, output the same; in evaluation also one step.

    Raises:
        ValueError: As for :class:`~snn_core.BatchNormOverTime1d`.

    Example:
        >>> BatchNormOverTime2d(3)(torch.rand(5, 4, 3, 7, 7)).shape
        torch.Size([5, 4, 3, 7, 7])

    Source: Zheng et al., Going Deeper With Directly-Trained Larger Spiking Neural Networks (2021), tdBN; Duan et al.,
        Temporal Effective Batch Normalization in Spiking Neural Networks (2022), TEBN.
    """

    _entry = nn.BatchNorm2d
    _axes = "channels, height, width"
