"""From a net to a bundle that an IPU host can load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from .bundle import write_bundle
from .lowering import lower

__all__ = ["export"]


def export(net: nn.Module, example: Tensor, path: str | Path, **options: Any) -> None:
    """Lower a net and write it to a bundle: a folder with ``program.json`` and ``weights.npz``.

    Args:
        net: A net of neurons with ``init_hidden=True``; it stays as it is.
        example: Its input, ``[T, batch, ...]``; shapes and dtype count, values do not.
        path: The folder, made where it is missing.
        **options: ``loss``, ``l1_rate`` and ``encoding`` of :func:`lower`.

    Raises:
        BackendError: If the net cannot be lowered.
        BundleError: If what it gives is no valid program.
        ValueError: If an option is unknown or out of range.
        OSError: If the folder cannot be written.

    Example:
        >>> import os, tempfile
        >>> import torch
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, init_hidden=True))
        >>> folder = tempfile.mkdtemp()
        >>> export(net, torch.rand(5, 4, 3), folder, loss="ce_rate")
        >>> sorted(os.listdir(folder))
        ['program.json', 'weights.npz']
    """
    program = lower(net, example, **options)
    write_bundle(path, program.description, program.tensors())
