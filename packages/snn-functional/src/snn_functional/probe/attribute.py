"""A monitor of attributes of layers, such as their membrane potentials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from snn_core import SpikingNeuron
from snn_functional._messages import fault, must
from snn_functional.probe.keeping import KeepingMonitor
from snn_functional.probe.monitor import Layers

_ABSENT = object()


class AttributeMonitor(KeepingMonitor):
    """A record of an attribute of layers, before or after each of their calls.

    A neuron's states (``mem``, ``syn``, ...) are recorded in either calling convention: those it keeps
    (``init_hidden=True``), and those that are passed and returned. A state at rest has the shape ``(0,)``.

    A record in the autograd graph, such as a membrane while a net learns, is the attribute itself, and
    ``torch.autograd.grad`` can differentiate with respect to it; if it is overwritten later, an error says so. A record
    outside the graph, such as a weight or a statistic that is updated in place, is a copy; as long as a parameter does
    not change, its records share one copy.

    Args:
        attribute_name: The attribute.
        pre_forward: Record it before the layer's call (True) or after it (False).
        net: The net.
        instance: Class of the layers to watch, or a tuple of classes; the net's own class when None.
        function_on_attribute: Applied to the attribute; its result is the record. As described above when None.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If the net has no such layer.
        AttributeError: When a layer that has no such attribute is called.
        RuntimeError: When a record was overwritten, at the next call of a layer or when the record is read.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Flatten(), snn.Leaky(beta=0.5, init_hidden=True))
        >>> monitor = AttributeMonitor("mem", False, net, snn.Leaky)
        >>> _ = snn.unroll(net, torch.full((3, 1, 1), 0.6))
        >>> torch.stack(monitor["1"]).flatten()
        tensor([0.6000, 0.9000, 1.0500])
    """

    def __init__(
        self,
        attribute_name: str,
        pre_forward: bool,
        net: nn.Module,
        instance: Layers = None,
        function_on_attribute: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__("function_on_attribute", function_on_attribute)
        if not isinstance(attribute_name, str):
            raise TypeError(must("attribute_name", "be a str, such as 'mem'", repr(attribute_name)))
        if not isinstance(pre_forward, bool):
            raise TypeError(
                must("pre_forward", "be True to record before a call, False to record after it", repr(pre_forward))
            )
        self.attribute_name = attribute_name
        self.function_on_attribute = function_on_attribute
        self._copies: dict[str, Tensor] = {}
        if pre_forward:
            self.watch_before(net, instance, self._before)
        else:
            self.watch_after(net, instance, self._after)

    def _before(self, name: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self.sees_a_call():
            return
        if self._is_passed_to(module):
            named = {k: v for k, v in kwargs.items() if k != "input_"}
            value = getattr(module.bind(args[1:], named), self.attribute_name)
            value = module.empty_state() if value is None else value
        else:
            value = self._attribute(name, module)
        self._keep_attribute(name, value)

    def _after(self, name: str, module: nn.Module, args: Any, output: Any) -> None:
        if not self.sees_a_call():
            return
        if self._is_passed_to(module):
            # a neuron returns its states last, in one tuple or not
            names = module.State._fields
            value = dict(zip(names, tree_leaves(output)[-len(names) :], strict=True))[self.attribute_name]
        else:
            value = self._attribute(name, module)
        self._keep_attribute(name, value)

    def clear_recorded_data(self) -> None:
        """Forget all records; the hooks stay."""
        super().clear_recorded_data()
        self._copies.clear()

    def _keep_attribute(self, name: str, value: Any) -> None:
        if self.function_on_attribute is None:
            if isinstance(value, nn.Parameter) and not torch.compiler.is_compiling():
                value = self._copy_of_parameter(name, value)
            else:
                value = tree_map_only(Tensor, lambda item: item if item.grad_fn is not None else item.clone(), value)
        self.keep(name, value, self.function_on_attribute)

    def _copy_of_parameter(self, name: str, parameter: nn.Parameter) -> Tensor:
        """Return the layer's last copy, or a new one if values differ; torch does not count writes to ``.data``."""
        last = self._copies.get(name)
        if (
            last is None
            or last.requires_grad != (parameter.requires_grad and torch.is_grad_enabled())
            or (last.dtype, last.device) != (parameter.dtype, parameter.device)
            or not torch.equal(last, parameter)
        ):
            last = self._copies[name] = parameter.clone()
        return last

    def _is_passed_to(self, module: nn.Module) -> TypeGuard[SpikingNeuron]:
        """Return True if the attribute is a state of a neuron that does not keep its own."""
        return (
            isinstance(module, SpikingNeuron) and not module.init_hidden and self.attribute_name in module.State._fields
        )

    def _attribute(self, name: str, module: nn.Module) -> Any:
        value = getattr(module, self.attribute_name, _ABSENT)
        if value is _ABSENT:
            states = f"; its states are {', '.join(module.State._fields)}" if isinstance(module, SpikingNeuron) else ""
            raise AttributeError(
                fault(
                    f"attribute_name is {self.attribute_name!r}, which the layer {name!r} ({type(module).__name__}) "
                    f"does not have{states}"
                )
            )
        return value
