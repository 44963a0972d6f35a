"""Fused CPU kernels for the neurons of snn-core.

Installing is all there is to do: snn-core finds the kernels by their entry point. Importing this package imports no
torch.
"""

from __future__ import annotations

from snn_cpu._version import __version__
from snn_cpu.allocator import tune_allocator

__all__ = ["__version__", "tune_allocator"]
