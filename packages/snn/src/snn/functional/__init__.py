"""Losses, accuracy, training, probes and quantization: the names of ``snn_functional``."""

from typing import TYPE_CHECKING

from snn import _lazy

if TYPE_CHECKING:
    from snn_functional import *  # noqa: F403
    from snn_functional import __all__ as __all__
else:
    __getattr__, __dir__ = _lazy.forward(
        __name__,
        "snn_functional",
        submodules=dict.fromkeys(
            ("acc", "backprop", "diagnosis", "loss", "online", "probe", "quant", "reg", "statistics", "stdp_learner"),
            "snn_functional",
        ),
    )
