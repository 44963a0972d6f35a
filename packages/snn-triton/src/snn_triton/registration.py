"""The registration of the kernels with snn-core, if there is a GPU on which they can run."""

from __future__ import annotations

import importlib.util
from importlib import metadata

__all__ = ["register"]

# the distributions that may contain the module
_DISTRIBUTIONS = ("triton", "triton-rocm", "pytorch-triton-rocm", "pytorch-triton")
_OLDEST = (3, 6)


def register() -> tuple[bool, str]:
    """Register the kernels; the entry point ``triton`` of the group ``snn.kernels``.

    The first kernel imports Triton itself.

    Returns:
        True if the kernels can run here, and the hardware and version, or the reason why not.

    Example:
        >>> import snn_core as snn
        >>> "triton" in [name for name, _, _ in snn.kernels.status()]
        True
    """
    import torch

    if torch.version.cuda is None and torch.version.hip is None:
        return False, f"torch {torch.__version__} is built without GPU support: install a build for CUDA or ROCm"
    if not torch.cuda.is_available():
        return False, "torch finds no GPU"
    version = _version()
    if version is None:
        return False, "Triton, which comes with torch for Linux, is not installed: pip install triton"
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
        oldest = ".".join(map(str, _OLDEST))
        return False, f"Triton {version} is too old: install torch 2.10 or newer, which includes {oldest} or newer"
    from snn_core import kernels
    from snn_triton.engine import Engine

    kernels.register("program", Engine())
    return True, f"{torch.cuda.device_count()} GPU(s), Triton {version}"


def _version() -> str | None:
    """Return the version of Triton, without importing it, or None if it is not installed."""
    if importlib.util.find_spec("triton") is None:
        return None
    for name in _DISTRIBUTIONS:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None
