"""Monitors of the inputs and the outputs of layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from snn_functional.probe.keeping import KeepingMonitor
from snn_functional.probe.monitor import Layers, unpack_len1_tuple


class OutputMonitor(KeepingMonitor):
    """A record of the outputs of layers.

    A record is the layer's result, a tuple if it returned one, and is not copied: it is part of the autograd graph, so
    that losses may use it and ``torch.autograd.grad`` can differentiate with respect to it. If the net overwrites it
    later, an error says so; with ``torch.clone`` as the function, records are copies. Pass ``torch.Tensor.detach`` or a
    statistic to keep less.

    Args:
        net: The net.
        instance: Class of the layers to watch, or a tuple of classes; the net's own class when None.
        function_on_output: Applied to an output; its result is the record. The output itself when None.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the net has no such layer.
        RuntimeError: When a record was overwritten, at the next call of a layer or when the record is read.

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
        self, net: nn.Module, instance: Layers = None, function_on_output: Callable[[Any], Any] | None = None
    ) -> None:
        super().__init__("function_on_output", function_on_output)
        self.function_on_output = function_on_output
        self.watch_after(net, instance, self._after)

    def _after(self, name: str, module: nn.Module, args: Any, output: Any) -> None:
        if self.sees_a_call():
            self.keep(name, unpack_len1_tuple(output), self.function_on_output)


class InputMonitor(KeepingMonitor):
    """A record of the inputs of layers, as they are before the layer runs.

    A record is the layer's positional argument, a tuple if there are several, or the keyword arguments if there is no
    positional one. It is part of the autograd graph, and not copied. If it is overwritten later, by the layer or as a
    buffer for the next step, an error says so; with ``torch.clone`` as the function, records are copies.

    Args:
        net: The net.
        instance: Class of the layers to watch, or a tuple of classes; the net's own class when None.
        function_on_input: Applied to an input; its result is the record. The input itself when None.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the net has no such layer.
        RuntimeError: When a record was overwritten, at the next call of a layer or when the record is read.

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
        self, net: nn.Module, instance: Layers = None, function_on_input: Callable[[Any], Any] | None = None
    ) -> None:
        super().__init__("function_on_input", function_on_input)
        self.function_on_input = function_on_input
        self.watch_before(net, instance, self._before)

    def _before(self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self.sees_a_call():
            self.keep(name, unpack_len1_tuple(args or tuple(kwargs.values())), self.function_on_input)
