"""Functions for states and data in a training loop: names of ``snn_core.utils``, and two of ``snn_data``."""

from snn_core.utils import detach as detach
from snn_core.utils import reset as reset
from snn_data import data_subset as data_subset
from snn_data import valid_split as valid_split

__all__ = ["data_subset", "detach", "reset", "valid_split"]
