"""Spiking networks to and from the Neuromorphic Intermediate Representation (NIR).

This version holds the name and the dependencies; reading and writing graphs comes with a later one.
"""

from __future__ import annotations

from ._version import __version__

__all__ = ["__version__"]
