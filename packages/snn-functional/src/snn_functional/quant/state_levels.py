"""Quantization of states to levels that the caller provides."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_functional._device_checks import is_any
from snn_functional._messages import must
from snn_functional.quant._levels import borders
from snn_functional.quant._straight_through import IdentityGradient


class StateQuant(IdentityGradient):
    """States rounded to the nearest of some levels, with the gradient of the identity: ``StateQuant.apply(x, levels)``.

    Halfway between two levels the lower one is taken. NaN stays NaN. :class:`state_quant` makes the levels itself.

    Example:
        >>> x = torch.tensor([-3.0, 0.2, 0.3, 9.0], requires_grad=True)
        >>> spaced = StateQuant.apply(x, torch.tensor([0.0, 0.5, 2.0]))
        >>> spaced
        tensor([0.0000, 0.0000, 0.5000, 2.0000], grad_fn=<StateQuantBackward>)
        >>> spaced.sum().backward()
        >>> x.grad
        tensor([1., 1., 1., 1.])
    """

    @staticmethod
    def forward(input_: Tensor, levels: Tensor) -> Tensor:
        """Return the nearest levels; call ``apply``, which has a gradient.

        Args:
            input_: Floating-point states of any shape.
            levels: Levels ``[number]``, finite, in any order.

        Returns:
            The rounded states, with the shape, dtype and device of ``input_``.

        Raises:
            TypeError: If one of them is not a real tensor, or ``input_`` is not floating.
            ValueError: If ``levels`` is not a list of finite numbers.
        """
        for name, value in (("input_", input_), ("levels", levels)):
            if not isinstance(value, Tensor) or value.is_complex():
                kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
                raise TypeError(must(name, "be a tensor of real numbers", kind))
        if not input_.is_floating_point():
            raise TypeError(must("input_", "be floats", f"dtype {input_.dtype}", "pass input_.float()"))
        if levels.dim() != 1 or not levels.numel():
            raise ValueError(must("levels", "have one number for each level, [number]", f"shape {tuple(levels.shape)}"))
        ascending = levels.to(input_).sort().values
        if not torch.compiler.is_compiling():
            wrong = ~ascending.isfinite()
            if is_any(wrong, "levels must be finite"):
                raise ValueError(must("levels", "be finite", float(ascending[wrong][0])))
        index = torch.bucketize(input_.contiguous(), borders(ascending))
        nearest = ascending.index_select(0, index.flatten()).view(input_.shape)
        return torch.where(input_.isnan(), input_, nearest)
