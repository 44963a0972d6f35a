"""The Neuromorphic Intermediate Representation: the names of ``snn_nir``."""

from snn_nir import *  # noqa: F403
from snn_nir import __all__ as __all__
