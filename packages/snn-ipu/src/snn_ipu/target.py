"""The target ``ipu`` of ``snn.backends``."""

from __future__ import annotations

from typing import Any, Callable

from torch import Tensor, nn
from torch.utils._pytree import tree_map

from snn_core.backends import API, Availability, BackendError, Issue
from snn_ipu.device.place import Settings
from snn_ipu.device.sdk import IpuUnavailable, import_poptorch
from snn_ipu.lowering.checking import check
from snn_ipu.lowering.lowering import lower

__all__ = ["Ipu"]


class Ipu:
    """A target that runs nets on a Graphcore IPU through PopTorch.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> xs = torch.rand(5, 1, 3)
        >>> run = Ipu().compile(net, xs, target="cpu")
        >>> run(xs).equal(snn.unroll(net, xs))
        True
    """

    api = API

    def availability(self) -> Availability:
        """Return whether PopTorch is active and an IPU is attached, with the reason if not."""
        try:
            poptorch = import_poptorch()
            if poptorch.ipuHardwareIsAvailable():
                return Availability(True, "PopTorch with an IPU")
        except Exception as error:  # a broken SDK may raise anything
            return Availability(False, str(error) or type(error).__name__)
        return Availability(
            False, "PopTorch is active, but no IPU is attached; target='model' runs the SDK's IPU Model"
        )

    def check(self, net: nn.Module, *example: Any) -> list[Issue]:
        """List the parts of a net that an IPU does not support; see :func:`snn_ipu.check`.

        Args:
            net: The net.
            *example: Its input, ``[T, batch, ...]``.

        Returns:
            The issues.

        Raises:
            TypeError: If there is not one example.
        """
        return [*check(net, _only(example))]

    def compile(self, net: nn.Module, *example: Any, **options: Any) -> Callable[[Tensor], Any]:
        """Return a function of ``xs[T, batch, ...]`` for inference; for training, see :class:`~snn_ipu.Program`.

        Args:
            net: The net.
            *example: Its input, ``[T, batch, ...]``.
            **options: Options of :class:`~snn_ipu.device.place.Settings`; ``target`` is ``"hw"`` by default.

        Returns:
            The function, which returns the same as ``unroll(net, xs)``.

        Raises:
            BackendError: If the net cannot be lowered, or the target is not available here.
            TypeError: If an option is unknown.
        """
        Settings.of(options)
        try:
            run = lower(net, _only(example)).inference(**{"target": "hw", **options})
        except IpuUnavailable as error:
            raise BackendError(str(error)) from error
        return lambda xs: tree_map(_axes_swapped, run(_axes_swapped(xs)))


def _only(example: tuple[Any, ...]) -> Any:
    if len(example) != 1:
        raise TypeError(f"the target ipu takes one example xs[T, batch, ...], got {len(example)}")
    return example[0]


def _axes_swapped(x: Tensor) -> Tensor:
    """Return a tensor with the batch before the time, or the time before the batch."""
    return x.transpose(0, 1).contiguous()
