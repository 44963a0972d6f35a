"""The import of nets from NIR in snnTorch's way: the names of ``snn_nir.import_nir``."""

from snn_nir.import_nir import *  # noqa: F403
from snn_nir.import_nir import __all__ as __all__
