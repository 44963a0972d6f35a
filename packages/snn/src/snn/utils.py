"""Functions for states and data in a training loop: names of ``snn_core.utils``, and two of ``snn_data``."""

from typing import TYPE_CHECKING

from snn import _lazy

if TYPE_CHECKING:
    from snn_core.utils import detach as detach
    from snn_core.utils import reset as reset
    from snn_data import data_subset as data_subset
    from snn_data import valid_split as valid_split

    __all__ = ["data_subset", "detach", "reset", "valid_split"]
else:
    __getattr__, __dir__ = _lazy.forward(
        __name__,
        "snn_core.utils",
        elsewhere={"data_subset": "snn_data", "valid_split": "snn_data"},
    )
