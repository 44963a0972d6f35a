"""A linear layer and a leaky membrane without reset, over a whole sequence."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import torch
from torch import Tensor, nn

from snn_core.neuron.constant import Constant
from snn_core.neuron.signatures import GRADED, ORDER, SequenceOptions, takes
from snn_core.neurons.stateleaky import StateLeaky


class LinearLeaky(StateLeaky):
    r"""Linear layer followed by :class:`~snn_core.StateLeaky`, over a whole sequence.

    .. math:: U[t] = \beta\,U[t-1] + W X[t] + b, \qquad S[t] = g\,\Theta(U[t] - \vartheta)

    Args:
        beta: Membrane decay per step, in [0, 1]: a scalar, or one per output feature.
        in_features: Features of the input.
        out_features: Number of neurons.
        bias: True for a layer with a bias.
        device: Device of the layer's weights.
        dtype: Dtype of the layer's weights.

    The other options are those of :class:`~snn_core.StateLeaky`.

    Shape:
        input ``[T, batch, in_features]``; spikes and membrane ``[T, batch, out_features]``.

    Returns:
        ``(spk, mem)``, or ``mem`` with ``output=False``.

    Raises:
        ValueError: As for :class:`~snn_core.StateLeaky`.

    Example:
        >>> spk, mem = LinearLeaky(beta=0.5, in_features=3, out_features=2)(torch.rand(5, 1, 3))
        >>> mem.shape
        torch.Size([5, 1, 2])

    Source: Gerstner et al., Neuronal Dynamics (2014), section 1.3.
    """

    ahead: ClassVar[frozenset[str]] = frozenset({"linear"})
    described: ClassVar[tuple[str, ...]] = ("beta", "in_features", "out_features")

    @takes(ORDER, GRADED, "kernel_truncation_steps", output=True)
    def __init__(
        self,
        beta: Constant,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
        *args: Any,
        kernel_truncation_steps: int | None = None,
        **options: Unpack[SequenceOptions],
    ) -> None:
        super().__init__(beta=beta, channels=out_features, kernel_truncation_steps=kernel_truncation_steps, **options)
        self.in_features = in_features
        self.out_features = out_features
        self.linear: nn.Linear = nn.Linear(in_features, out_features, bias=bias, device=device, dtype=dtype)

    def driven(self, xs: Tensor) -> Tensor:
        if xs.shape[-1] != self.in_features:
            raise ValueError(f"LinearLeaky takes {self.in_features} features, got input of shape {tuple(xs.shape)}")
        return self.linear(xs)
