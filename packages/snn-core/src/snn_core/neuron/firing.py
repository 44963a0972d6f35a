"""From membrane potential to spikes: threshold, surrogate gradient, graded amplitude."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import get_proxy_mode

from snn_core import surrogate
from snn_core.engines.dtypes import NARROW, as_dtype
from snn_core.neuron.constant import Constant, HasConstants

SpikeGrad = Callable[[Tensor], Tensor]


class Firing(HasConstants):
    """A module that fires where its membrane potential exceeds its threshold."""

    threshold: Tensor
    graded_spikes_factor: Tensor

    def __init__(
        self,
        *,
        threshold: Constant = 1.0,
        spike_grad: SpikeGrad | None = None,
        surrogate_disable: bool = False,
        learn_threshold: bool = False,
        graded_spikes_factor: Constant = 1.0,
        learn_graded_spikes_factor: bool = False,
    ) -> None:
        super().__init__()
        if isinstance(spike_grad, type):
            name = spike_grad.__name__
            raise TypeError(f"{type(self).__name__}: spike_grad must be a surrogate, not its class; pass {name}()")
        if spike_grad is not None and not callable(spike_grad):
            raise TypeError(
                f"{type(self).__name__}: spike_grad must be a surrogate such as surrogate.atan(), got {spike_grad!r}"
            )
        self.surrogate_disable = surrogate_disable
        self.spike_grad: SpikeGrad = (
            surrogate.no_gradient() if surrogate_disable else surrogate.atan() if spike_grad is None else spike_grad
        )
        self.constant("threshold", threshold, learn=learn_threshold)
        self.constant("graded_spikes_factor", graded_spikes_factor, learn=learn_graded_spikes_factor)

    def membrane(self, state: Any) -> Tensor:
        """Return the part of a state that is compared with the threshold."""
        return state.mem

    def fire(self, mem: Tensor) -> Tensor:
        r"""Return the spikes of a membrane potential, :math:`g\,\Theta(U - \vartheta)`, with the surrogate gradient.

        Args:
            mem: Membrane potential, any shape that the threshold broadcasts against.

        Returns:
            Spikes of the same shape and dtype: the graded factor where the neuron fired, else 0.

        Example:
            >>> import snn_core as snn
            >>> snn.Leaky(beta=0.9).fire(torch.tensor([0.5, 1.0, 1.5]))
            tensor([0., 0., 1.])
        """
        return self.graded(self._crossing(mem))

    def graded(self, fired: Tensor) -> Tensor:
        """Return spikes of amplitude g where ``fired`` is 1."""
        if self._amplitude_is_one():
            return fired
        g = self.graded_spikes_factor
        # spikes in half precision are exact in g's dtype, in which the gradient of g is then summed
        wide = as_dtype(fired, g.dtype) if fired.dtype in NARROW else fired
        return as_dtype(wide * g, fired.dtype)

    def _amplitude_is_one(self) -> bool:
        """Return True if g is 1 and not a parameter, so that multiplying by it would only cost time.

        The value itself is read in every call, as ``g.data`` may change it unnoticed. That takes a microsecond for one
        number in the memory of the CPU. On another device the processor would have to wait, which costs more than the
        product.
        """
        g = self.graded_spikes_factor
        if g.requires_grad or not g.is_cpu or torch.compiler.is_compiling() or torch._C._get_tracing_state():
            return False
        if torch._C._len_torch_dispatch_stack() or (
            torch._C._len_torch_function_stack() and get_proxy_mode() is not None
        ):
            return False  # a traced program must hold for every value
        if type(g) not in (Tensor, nn.Parameter):  # a fake tensor, or one distributed over processes
            return False
        if g.numel() != 1 or torch._C._are_functorch_transforms_active():  # in one, it may have no value of its own
            return False
        return g.item() == 1

    def _crossing(self, mem: Tensor) -> Tensor:
        """Return 1 where the membrane potential is above the threshold, else 0, with the surrogate gradient."""
        return as_dtype(self.spike_grad(mem - self.threshold), mem.dtype)


def winner(shifted: Tensor) -> Tensor:
    """Return True at the largest entry along axis 1, the axis of neurons."""
    if shifted.dim() < 2:
        raise ValueError(
            f"inhibition needs input [batch, neurons, ...], got a state of shape {tuple(shifted.shape)}; "
            "add a batch axis"
        )
    index = shifted.detach().argmax(dim=1, keepdim=True)
    return torch.zeros_like(shifted, dtype=torch.bool).scatter(1, index, True)
