"""Backend for Graphcore's Intelligence Processing Unit (IPU).

This version registers no target. The package keeps to the syntax of Python 3.8, the one that the IPU's SDK runs on.
"""

from __future__ import annotations

from ._version import __version__

__all__ = ["__version__"]
