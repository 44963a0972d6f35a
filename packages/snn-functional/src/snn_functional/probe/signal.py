"""Monitors of what goes into layers and what comes out of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from snn_functional.probe.monitor import BaseMonitor, Layers, alone, as_it_is_now, checked_function

__all__ = ["InputMonitor", "OutputMonitor"]


class OutputMonitor(BaseMonitor):
    """Records the outputs of layers.

    A record is what the layer returned, a tuple where it returned one, inside the autograd graph; pass
    ``torch.Tensor.detach`` or a statistic as the function to keep less.

    Args:
        net: The net.
        instance: Class of the layers to watch, or a tuple of classes; the net's own class when None.
        function_on_output: Applied to an output; its result is the record.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the net has no such layer.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> monitor = OutputMonitor(net, snn.Leaky, lambda spk: spk.shape)
        >>> _ = net(torch.rand(4, 3))
        >>> monitor["1"]
        [torch.Size([4, 2])]
    """

    def __init__(
        self, net: nn.Module, instance: Layers = None, function_on_output: Callable[[Any], Any] = as_it_is_now
    ) -> None:
        super().__init__()
        self.function_on_output: Callable[[Any], Any] = checked_function("function_on_output", function_on_output)
        self.watch_after(net, instance, self._after)

    def _after(self, name: str, module: nn.Module, args: Any, output: Any) -> None:
        if self.sees_a_call():
            self.record(name, self.function_on_output(alone(output)))


class InputMonitor(BaseMonitor):
    """Records the inputs of layers, as they are before the layer runs.

    A record is the layer's positional argument, a tuple where there are several, or the keyword arguments where there
    is no positional one; inside the autograd graph.

    Args:
        net: The net.
        instance: Class of the layers to watch, or a tuple of classes; the net's own class when None.
        function_on_input: Applied to an input; its result is the record.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the net has no such layer.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Flatten(), snn.Leaky(beta=0.9, init_hidden=True))
        >>> monitor = InputMonitor(net, snn.Leaky)
        >>> _ = net(torch.tensor([[0.5, 1.5]]))
        >>> monitor["1"]
        [tensor([[0.5000, 1.5000]])]
    """

    def __init__(
        self, net: nn.Module, instance: Layers = None, function_on_input: Callable[[Any], Any] = as_it_is_now
    ) -> None:
        super().__init__()
        self.function_on_input: Callable[[Any], Any] = checked_function("function_on_input", function_on_input)
        self.watch_before(net, instance, self._before)

    def _before(self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.sees_a_call():
            self.record(name, self.function_on_input(alone(args or tuple(kwargs.values()))))
