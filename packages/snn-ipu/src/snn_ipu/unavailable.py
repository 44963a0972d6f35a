"""The error of everything that needs an SDK, a device or a compiled operator that is not here."""

from __future__ import annotations

__all__ = ["IpuUnavailable"]


class IpuUnavailable(RuntimeError):
    """Something of the IPU is missing here; the message says what, and how to get it.

    Calls raise it, importing never does.

    Example:
        >>> raise IpuUnavailable("no IPU attached; target='model' runs the SDK's IPU Model")
        Traceback (most recent call last):
        ...
        snn_ipu.unavailable.IpuUnavailable: no IPU attached; target='model' runs the SDK's IPU Model
    """
