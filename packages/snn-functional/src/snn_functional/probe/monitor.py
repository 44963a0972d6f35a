"""The base of all monitors: the layers they watch and the records they keep."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only
from torch.utils.hooks import RemovableHandle

from snn_core.graph import in_backward
from snn_core.neuron import current
from snn_functional._messages import fault, must
from snn_functional._replica import check_net
from snn_functional.probe._hook import Hook

Layers = type[nn.Module] | tuple[type[nn.Module], ...] | None


class BaseMonitor:
    """A monitor of the layers of a net, with its records in the order in which they were made, and by layer.

    :attr:`records` is the list of all records, ``monitor[i]`` is the i-th record, ``monitor[name]`` is the list of one
    layer's records, and ``monitored_layers`` has the layers' names, as in ``net.named_modules()``. The monitor records
    from when it is made until :meth:`remove_hooks`, the end of its ``with`` block, or its deletion, whichever comes
    first. It watches one net, not its copies, whether they are deep copies or loaded from a file.

    A record is one call of a layer. A net with a monitor runs step by step under ``unroll``, so that a record is one
    time step there; a call that activation checkpointing or ``unroll(chunk=...)`` repeats in the backward pass is
    recorded once. Under ``unroll(lengths=...)`` a record holds the samples that still run in that step, the longest
    first.

    Example:
        >>> import snn_core as snn
        >>> from snn_functional.probe import OutputMonitor
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> with OutputMonitor(net, instance=snn.Leaky) as monitor:
        ...     spk = snn.unroll(net, torch.rand(5, 4, 3))
        >>> monitor.monitored_layers, len(monitor.records)
        (['1'], 5)
        >>> torch.equal(torch.stack(monitor["1"]), spk)
        True
    """

    def __init__(self) -> None:
        self.hooks: list[RemovableHandle] = []
        self.monitored_layers: list[str] = []
        self._records: list[Any] = []
        self.name_records_index: dict[str, list[int]] = {}
        self._enable = True
        weakref.finalize(self, _remove, self.hooks)

    @property
    def records(self) -> list[Any]:
        """The list of all records, in the order in which they were made."""
        return self._records

    def __getitem__(self, key: int | str) -> Any:
        if isinstance(key, int):
            return self._read(range(len(self._records))[key])
        if not isinstance(key, str):
            raise TypeError(
                must(
                    "key",
                    "be the number of a record or the name of a layer",
                    repr(key),
                    "slice the list monitor.records instead",
                )
            )
        if key not in self.name_records_index:
            layers = ", ".join(map(repr, self.monitored_layers))
            raise KeyError(fault(f"{key!r} is not monitored", f"use one of {layers}"))
        return [self._read(number) for number in self.name_records_index[key]]

    def _read(self, number: int) -> Any:
        """Return one record, by its place in ``records``."""
        return self._records[number]

    def clear_recorded_data(self) -> None:
        """Forget all records; the hooks stay."""
        self._records.clear()
        for indices in self.name_records_index.values():
            indices.clear()

    def enable(self) -> None:
        """Resume recording."""
        self._enable = True

    def disable(self) -> None:
        """Stop recording until :meth:`enable`; the hooks stay."""
        self._enable = False

    def is_enable(self) -> bool:
        """Return True if the monitor records."""
        return self._enable

    def remove_hooks(self) -> None:
        """Stop recording for good; the records stay."""
        _remove(self.hooks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.remove_hooks()

    def __reduce__(self) -> Any:
        raise TypeError(
            fault(
                "a monitor belongs to the net that it watches and can be neither copied nor pickled",
                "make a new one for the copy, and save monitor.records",
            )
        )

    def watch(
        self, net: nn.Module, instance: Layers, attach: Callable[[str, nn.Module], RemovableHandle | None]
    ) -> None:
        """Put hooks on the layers of a net.

        Args:
            net: The net.
            instance: Class of the layers, or a tuple of classes; the net's own class when None.
            attach: ``attach(name, layer)`` puts a hook on a layer and returns its handle.

        Raises:
            TypeError: If ``net`` is not a module or ``instance`` not a class of modules.
            ValueError: If the net has no such layer.
        """
        layers = _layers(net, instance)
        for name, layer in layers:
            self.monitored_layers.append(name)
            self.name_records_index[name] = []
            handle = attach(name, layer)
            if handle is not None:
                self.hooks.append(handle)

    def watch_before(self, net: nn.Module, instance: Layers, action: Callable[..., Any]) -> None:
        """Call a method of the monitor before each call of a layer.

        Args:
            net: The net.
            instance: Class of the layers, or a tuple of classes; the net's own class when None.
            action: A bound method ``action(name, layer, args, kwargs)``.

        Raises:
            TypeError: If ``net`` is not a module or ``instance`` not a class of modules.
            ValueError: If the net has no such layer.
        """
        self.watch(net, instance, lambda name, m: m.register_forward_pre_hook(Hook(action, name, m), with_kwargs=True))

    def watch_after(self, net: nn.Module, instance: Layers, action: Callable[..., Any]) -> None:
        """Call a method of the monitor after each call of a layer.

        Args:
            net: The net.
            instance: Class of the layers, or a tuple of classes; the net's own class when None.
            action: A bound method ``action(name, layer, args, output)``.

        Raises:
            TypeError: If ``net`` is not a module or ``instance`` not a class of modules.
            ValueError: If the net has no such layer.
        """
        self.watch(net, instance, lambda name, m: m.register_forward_hook(Hook(action, name, m)))

    def record(self, name: str, value: Any) -> None:
        """Keep a record for a layer.

        Args:
            name: The layer's name.
            value: The record.
        """
        self.name_records_index[name].append(len(self._records))
        self._records.append(value)

    def sees_a_call(self) -> bool:
        """Return True if a call is one time step to record, and not one that a backward pass repeats.

        Raises:
            RuntimeError: If the monitor records and time is folded into the batch axis.
        """
        return not in_backward() and self.sees_a_step()

    def sees_a_step(self) -> bool:
        """Return True if the monitor records and a call is one time step.

        Raises:
            RuntimeError: If it records and time is folded into the batch axis.
        """
        if not self._enable or not self.hooks:
            return False
        if self.is_folded():
            raise RuntimeError(
                fault(
                    "a monitor records one time step at a time, but unroll(schedule='layers') passes all at once",
                    "use schedule='auto', or disable() the monitor",
                )
            )
        return True

    def is_folded(self) -> bool:
        """Return True if one time step is run in place of all of them, as in ``unroll(schedule="layers")``."""
        watch = current()
        return watch is not None and watch.asserted


def copied(value: Any) -> Any:
    """Return a record that no later in-place operation changes: a copy of its tensors, also inside containers."""
    return value.clone() if isinstance(value, Tensor) else tree_map_only(Tensor, torch.clone, value)


def checked_function(name: str, function: Any) -> Callable[[Any], Any]:
    """Return a function that is applied to records, after checking that it can be called."""
    if not callable(function):
        raise TypeError(must(name, "be a function of one argument, such as lambda x: x.mean()", repr(function)))
    return function


def unpack_len1_tuple(x: Any) -> Any:
    """Return the one element of a tuple of length 1, and anything else as it is.

    Args:
        x: Argument or result of a layer.

    Returns:
        Its element, or ``x``.

    Example:
        >>> unpack_len1_tuple((3,)), unpack_len1_tuple((3, 4)), unpack_len1_tuple([3])
        (3, (3, 4), [3])
    """
    return x[0] if isinstance(x, tuple) and len(x) == 1 else x


def _layers(net: Any, instance: Any) -> list[tuple[str, nn.Module]]:
    check_net(net)
    kinds = instance if isinstance(instance, tuple) else (type(net) if instance is None else instance,)
    for kind in kinds:
        if not isinstance(kind, type):
            expected = (
                f"its class, {type(kind).__name__}" if isinstance(kind, nn.Module) else "a class, such as nn.Conv2d"
            )
            raise TypeError(must("instance", f"be {expected}, or a tuple of classes", repr(kind)))
    layers = [(name, m) for name, m in net.named_modules() if isinstance(m, kinds)]
    if not layers:
        expected = " or ".join(f"{kind.__module__}.{kind.__name__}" for kind in kinds)
        there = ", ".join(sorted({f"{type(m).__module__}.{type(m).__name__}" for m in net.modules()}))
        raise ValueError(fault(f"net has no layer of instance {expected or '()'}; it has {there}"))
    return layers


def _remove(hooks: list[RemovableHandle]) -> None:
    for hook in hooks:
        hook.remove()
    hooks.clear()
