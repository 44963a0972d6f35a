"""Monitors of the gradients that arrive at the outputs of layers and leave by their inputs."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from snn_functional.probe.monitor import BaseMonitor, Layers, checked_function, copied, unpack_len1_tuple


class _Arrival(torch.autograd.Function):
    """The identity, with a callback that gets the gradients of all tensors once a backward pass knows them."""

    @staticmethod
    def forward(ctx: Any, known: Callable[[Sequence[Tensor | None]], None], *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.known = known
        ctx.set_materialize_grads(False)
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        ctx.known(gradients)
        return None, *gradients


class _GradientMonitor(BaseMonitor):
    """A monitor that records gradients when the backward pass reaches them."""

    _function: Callable[[Any], Any]

    def _awaits(self) -> bool:
        # a monitor that is disabled now may be enabled by the time of the backward pass
        return torch.is_grad_enabled() and (self.sees_a_step() or not self.is_folded())

    def _awaited(self, name: str, values: Any) -> Any:
        """Return aliases of the tensors in ``values``, to record the gradients that come through the aliases."""
        leaves, structure = tree_flatten(values)
        places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, Tensor) and leaf.requires_grad]
        count, arrived = len(leaves), weakref.WeakMethod(self._arrived)

        def known(gradients: Sequence[Tensor | None]) -> None:
            results = dict(zip(places, gradients, strict=True))
            _call(arrived(), name, tree_unflatten([results.get(i) for i in range(count)], structure))

        if places:
            for place, alias in zip(places, _Arrival.apply(known, *(leaves[i] for i in places)), strict=True):
                leaves[place] = alias
        return tree_unflatten(leaves, structure)

    def _arrived(self, name: str, gradients: Any) -> None:
        if self._enable and self.hooks:
            self.record(name, self._function(unpack_len1_tuple(gradients)))


class GradOutputMonitor(_GradientMonitor):
    """A record of the gradients of a loss with respect to the outputs of layers.

    They are recorded in the order in which the backward pass reaches them, the last time step first. A record is a
    tuple if the layer returned one, with None for an output on which the loss does not depend; a call without any
    gradient has no record.

    Args:
        net: The net.
        instance: Class of the layers to watch, or a tuple of classes; the net's own class when None.
        function_on_grad_output: Applied to a gradient; its result is the record.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the net has no such layer.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> monitor = GradOutputMonitor(net, snn.Leaky)
        >>> (net(torch.rand(1, 3)) * torch.tensor([1.0, 5.0])).sum().backward()
        >>> monitor["1"]
        [tensor([[1., 5.]])]
    """

    def __init__(
        self, net: nn.Module, instance: Layers = None, function_on_grad_output: Callable[[Any], Any] = copied
    ) -> None:
        super().__init__()
        self._function = checked_function("function_on_grad_output", function_on_grad_output)
        self.watch_after(net, instance, self._after)

    @property
    def function_on_grad_output(self) -> Callable[[Any], Any]:
        """The function that is applied to a gradient."""
        return self._function

    def _after(self, name: str, module: nn.Module, args: Any, output: Any) -> Any:
        if not self._awaits():
            return None
        if not isinstance(output, Tensor):
            return self._awaited(name, output)  # aliases, as one output may be computed from another
        if output.requires_grad:
            # no alias: the next layer may overwrite the tensor, which autograd forbids for an alias
            arrived = weakref.WeakMethod(self._arrived)
            output.register_hook(lambda gradient: _call(arrived(), name, gradient))
        return None


class GradInputMonitor(_GradientMonitor):
    """A record of the gradients of a loss with respect to the inputs of layers, without paths around the layer.

    They are recorded in the order in which the backward pass reaches them, the last time step first. A record is a
    tuple if the layer got several arguments, with None for one without a gradient; a call whose input requires no
    gradient, such as that of the first layer, has no record. A layer that overwrites its input (``inplace=True``) has
    no gradient to show; torch refuses to run it with this monitor.

    Args:
        net: The net.
        instance: Class of the layers to watch, or a tuple of classes; the net's own class when None.
        function_on_grad_input: Applied to a gradient; its result is the record.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the net has no such layer.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> spike_grad = snn.surrogate.straight_through_estimator()
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(0.9, spike_grad=spike_grad, init_hidden=True))
        >>> monitor = GradInputMonitor(net, snn.Leaky)
        >>> net(torch.rand(1, 3)).sum().backward()
        >>> monitor["1"]
        [tensor([[1., 1.]])]
    """

    def __init__(
        self, net: nn.Module, instance: Layers = None, function_on_grad_input: Callable[[Any], Any] = copied
    ) -> None:
        super().__init__()
        self._function = checked_function("function_on_grad_input", function_on_grad_input)
        self.watch_before(net, instance, self._before)

    @property
    def function_on_grad_input(self) -> Callable[[Any], Any]:
        """The function that is applied to a gradient."""
        return self._function

    def _before(self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self._awaits():
            return None
        # the layer gets aliases, which receive only the gradient through this layer
        if args:
            return self._awaited(name, args), kwargs
        return args, dict(zip(kwargs, self._awaited(name, tuple(kwargs.values())), strict=True))


def _call(arrived: Callable[[str, Any], None] | None, name: str, gradients: Any) -> None:
    if arrived is not None:
        arrived(name, gradients)
