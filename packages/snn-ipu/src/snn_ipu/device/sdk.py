"""PopTorch and the Poplar SDK: a check that they are available, and the reason if not."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import platform
from typing import Any

import torch

__all__ = ["IpuUnavailable", "import_poptorch", "sdk_version"]


_PINNED = {"3.3": "2.0.1", "3.4": "2.0.1"}  # the torch that each PopTorch asserts at import


def import_poptorch() -> Any:
    """Return PopTorch, or raise with the reason why it cannot be used.

    Raises:
        IpuUnavailable: If it is not installed, needs another torch, or its SDK is not active.
    """
    if importlib.util.find_spec("poptorch") is None:
        raise IpuUnavailable(
            f"PopTorch is not importable in this Python ({platform.python_version()}). It is not on PyPI: it ships "
            "with Graphcore's Poplar SDK (3.3 or 3.4, Python 3.8, torch 2.0.1). snn_ipu.check and export work without "
            "it; run load(...).training(...) on the IPU host, or pass target='cpu'"
        )
    version = _installed_version()
    pinned = _PINNED.get(".".join(version.split(".")[:2])) if version else None
    if pinned is not None and not torch.__version__.startswith(pinned):
        raise IpuUnavailable(
            f"PopTorch {version} needs torch {pinned}, found {torch.__version__}; install torch {pinned} beside it"
        )
    try:
        return importlib.import_module("poptorch")
    except ImportError as error:
        raise IpuUnavailable(
            f"PopTorch was found, but the SDK is not active ({error}): source <sdk>/poplar-*/enable.sh and "
            "<sdk>/popart-*/enable.sh, then start Python again"
        ) from error
    except AssertionError as error:
        raise IpuUnavailable(
            f"PopTorch refuses this environment (torch {torch.__version__}): {error or 'it asserts its own torch'}; "
            "install the torch that its SDK names"
        ) from error


def sdk_version() -> tuple[str, str]:
    """Return the version of the active SDK and the hash of its PopART, which a compiled operator must fit."""
    try:
        popart = importlib.import_module("popart")
    except ImportError as error:
        raise IpuUnavailable(
            f"PopART is not importable ({error}): source <sdk>/poplar-*/enable.sh and <sdk>/popart-*/enable.sh"
        ) from error
    version = str(popart.versionString())
    return version.split("+")[0].split(" ")[0], str(popart.packageHash())


def _installed_version() -> str | None:
    try:
        return importlib.metadata.version("poptorch")
    except importlib.metadata.PackageNotFoundError:
        return None


class IpuUnavailable(RuntimeError):
    """Error for a missing part of the IPU's software or hardware; the message says what it is and how to get it.

    Calls raise it; imports never do.

    Example:
        >>> raise IpuUnavailable("no IPU attached; target='model' runs the SDK's IPU Model")
        Traceback (most recent call last):
        ...
        snn_ipu.device.sdk.IpuUnavailable: no IPU attached; target='model' runs the SDK's IPU Model
    """
