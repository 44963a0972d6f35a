"""A linear layer that propagates errors back through fixed random weights."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_functional._messages import must
from snn_functional._numbers import whole


class RandomFeedbackLinear(nn.Linear):
    r"""An ``nn.Linear`` that passes errors back through a fixed random matrix B instead of its weights.

    .. math:: y = W x + b, \qquad \frac{\partial L}{\partial x} := B^\top \frac{\partial L}{\partial y}

    Its own weights and bias learn by their true gradient. After an :class:`EPropLayer` the two learn by random e-prop.

    Args:
        in_features: Size of the input.
        out_features: Size of the output.
        bias: Whether to add a bias.
        generator: Source of the random feedback, normal with variance ``1 / in_features``; torch's global one if None.

    Shape:
        input ``[*, in_features]``, output ``[*, out_features]``; the buffer ``feedback`` is
        ``[out_features, in_features]``.

    Raises:
        TypeError: If a size is not an int or ``generator`` not a generator.
        ValueError: If a size is smaller than 1.

    Example:
        >>> import torch
        >>> from snn_functional.online import RandomFeedbackLinear
        >>> layer = RandomFeedbackLinear(3, 1)
        >>> x = torch.ones(1, 3, requires_grad=True)
        >>> layer(x).sum().backward()
        >>> torch.equal(x.grad, layer.feedback)
        True

    Source: Lillicrap et al., Random synaptic feedback weights support error backpropagation for deep learning, Nature
        Communications 7:13276 (2016).
    """

    feedback: Tensor

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, generator: torch.Generator | None = None
    ) -> None:
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            whole(name, size, least=1)
        if generator is not None and not isinstance(generator, torch.Generator):
            raise TypeError(must("generator", "be a torch.Generator, or None for torch's global one", repr(generator)))
        super().__init__(in_features, out_features, bias)
        device = None if generator is None else generator.device
        drawn = torch.randn(out_features, in_features, generator=generator, device=device) / math.sqrt(in_features)
        self.register_buffer("feedback", drawn.to(self.weight.device))

    def forward(self, input: Tensor) -> Tensor:
        """Return the layer's output.

        Args:
            input: ``[*, in_features]``.

        Returns:
            ``[*, out_features]``.

        Raises:
            TypeError: If ``input`` is not a tensor with the dtype of the weights.
            ValueError: If its last axis is not ``in_features``.
        """
        if not isinstance(input, Tensor):
            raise TypeError(must("input", "be a torch.Tensor", type(input).__name__))
        if not input.dim() or input.shape[-1] != self.in_features:
            raise ValueError(must("input", f"have shape [*, {self.in_features}]", tuple(input.shape)))
        if input.dtype != self.weight.dtype and not torch.is_autocast_enabled(input.device.type):
            raise TypeError(must("input", f"have dtype {self.weight.dtype}, like the weights", input.dtype))
        # The values are the layer's; the gradient of the input goes through the feedback, the parameters' as usual.
        out = F.linear(input.detach(), self.weight, self.bias)
        return out + _Back.apply(input, self.feedback, out.dtype)


class _Back(torch.autograd.Function):
    """Zeros whose gradient passes back through a matrix."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, feedback: Tensor, dtype: torch.dtype) -> Tensor:
        ctx.save_for_backward(feedback)
        ctx.dtype = x.dtype
        return x.new_zeros(*x.shape[:-1], feedback.shape[0], dtype=dtype)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor, None, None]:
        (feedback,) = ctx.saved_tensors
        # autocast may have changed the dtype of the output
        return (grad_outputs[0] @ feedback.to(grad_outputs[0].dtype)).to(ctx.dtype), None, None
