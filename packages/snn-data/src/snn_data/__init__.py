"""Data sets for spiking networks, and the splits that keep their parts apart."""

from snn_data._version import __version__
from snn_data.data_subset import data_subset
from snn_data.digits import DigitsSplit, digits
from snn_data.labelled_tensors import LabelledTensors
from snn_data.split import SplitIndices, stratified_split
from snn_data.valid_split import valid_split

__all__ = [
    "DigitsSplit",
    "LabelledTensors",
    "SplitIndices",
    "__version__",
    "data_subset",
    "digits",
    "stratified_split",
    "valid_split",
]
