"""A surrogate from a function of the user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from snn_core.surrogate.step import Surrogate


@dataclass(frozen=True)
class custom_surrogate(Surrogate):
    """A surrogate from a function of your own.

    Args:
        custom_surrogate_function: ``f(input_, grad_input, spikes)``, all of one shape, returns the gradient with
            respect to ``input_``. A function defined at module level can be pickled with the net.

    Raises:
        TypeError: If it is not callable.

    Example:
        >>> import torch
        >>> halve = custom_surrogate(lambda x, grad, spk: grad * 0.5)
        >>> x = torch.tensor([1.0], requires_grad=True)
        >>> halve(x).backward()
        >>> x.grad
        tensor([0.5000])
    """

    custom_surrogate_function: Callable[[Tensor, Tensor, Tensor], Tensor]

    def __post_init__(self) -> None:
        if not callable(self.custom_surrogate_function):
            raise TypeError(
                "custom_surrogate takes a function f(input_, grad_input, spikes), "
                f"got {type(self.custom_surrogate_function).__name__}"
            )

    def backward(self, x: Tensor, grad: Tensor, spk: Tensor) -> Tensor:
        return self.custom_surrogate_function(x, grad, spk)
