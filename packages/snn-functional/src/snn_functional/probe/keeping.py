"""Monitors whose records are the tensors themselves, not copies; reading an overwritten record is an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from snn_functional._messages import fault
from snn_functional.probe.monitor import BaseMonitor, checked_function, copied


class KeepingMonitor(BaseMonitor):
    """A monitor that keeps tensors themselves, in the autograd graph, and torch's count of writes to each.

    Reading a record whose tensors have another count by now raises an error. Autograd uses the same count to detect
    that a saved tensor was changed. Neither detects writes that bypass torch, through ``x.data`` or a NumPy array that
    shares the memory.
    """

    def __init__(self, argument: str, function: Callable[[Any], Any] | None) -> None:
        super().__init__()
        if function is not None:
            checked_function(argument, function)
        self._argument = argument
        self._counts: dict[int, list[tuple[Tensor, int]]] = {}

    @property
    def records(self) -> list[Any]:
        """The list of all records, in the order in which they were made.

        Raises:
            RuntimeError: If one was overwritten.
        """
        for number in self._counts:
            self._check(number)
        return self._records

    def clear_recorded_data(self) -> None:
        """Forget all records; the hooks stay."""
        super().clear_recorded_data()
        self._counts.clear()

    def keep(self, name: str, value: Any, function: Callable[[Any], Any] | None) -> None:
        """Record a value, or the result of a function of it; raise if the record before it was overwritten."""
        if function is None:
            # a compiled program cannot count writes
            function = copied if torch.compiler.is_compiling() else self._counted
        self.record(name, function(value))

    def _counted(self, value: Any) -> Any:
        number = len(self._records)
        self._check(number - 1)
        counts: list[tuple[Tensor, int]] = []
        self._counts[number] = counts

        def kept(tensor: Tensor) -> Tensor:
            # inference tensors have no count, and a view shares the count of the memory around it, as xs[t] does where
            # the user fills xs step by step; in the graph this is rare, and a copy would have no gradient
            is_part = tensor.grad_fn is None and tensor._base is not None
            if is_part or tensor.is_inference():
                return tensor.clone()
            counts.append((tensor, tensor._version))
            return tensor

        return kept(value) if isinstance(value, Tensor) else tree_map_only(Tensor, kept, value)

    def _read(self, number: int) -> Any:
        self._check(number)
        return super()._read(number)

    def _check(self, number: int) -> None:
        for tensor, count in self._counts.get(number, ()):
            if tensor._version != count:
                raise RuntimeError(self._overwritten(number))

    def _overwritten(self, number: int) -> str:
        layer = next(name for name, numbers in self.name_records_index.items() if number in numbers)
        is_one = isinstance(self._records[number], Tensor)
        copying = "torch.clone" if is_one else "lambda several: tuple(one.clone() for one in several)"
        return fault(
            f"record {number}, of the layer {layer!r}, was overwritten after it was made, as x += y, "
            "nn.ReLU(inplace=True) and a buffer that is filled again for each step do",
            f"pass {self._argument}={copying} to record copies",
        )
