"""Fused GPU kernels for the neurons of snn-core, generated with Triton.

Nothing needs to be done after installation: snn-core finds the kernels by their entry point. Importing this package
imports neither torch nor Triton.
"""

from __future__ import annotations

from snn_triton._version import __version__
from snn_triton.selftest import Check, selftest

__all__ = ["Check", "__version__", "selftest"]
