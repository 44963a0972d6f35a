"""Fused CPU kernels for the neurons of snn-core.

Nothing needs to be done after installation: snn-core finds the kernels by their entry point. Importing this package
does not import torch.
"""

from __future__ import annotations

from snn_cpu._version import __version__
from snn_cpu.allocator import tune_allocator

__all__ = ["__version__", "tune_allocator"]
