"""Fused CPU kernels for the neurons of snn-core.

This version registers no kernel: every neuron runs the reference implementation of snn-core.
"""

from __future__ import annotations

from ._version import __version__

__all__ = ["__version__"]
