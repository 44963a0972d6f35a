"""Fused sequence kernels: the names of ``snn_core.kernels``."""

from typing import TYPE_CHECKING

from snn import _lazy

if TYPE_CHECKING:
    from snn_core.kernels import *  # noqa: F403
    from snn_core.kernels import __all__ as __all__
else:
    __getattr__, __dir__ = _lazy.forward(__name__, "snn_core.kernels", unlisted={"loop", "run"})
