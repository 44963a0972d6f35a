"""Data sets for spiking networks, and splits that keep their parts separate."""

from typing import TYPE_CHECKING

from snn_data import former_names, writers, zoo
from snn_data._version import __version__
from snn_data.augmented import AugmentedDataset, augmented
from snn_data.cached import CachedDataset, cached
from snn_data.checksum import ChecksumError
from snn_data.collate import RaggedBatch, collate
from snn_data.data_subset import data_subset
from snn_data.digits import digits
from snn_data.download import download
from snn_data.dvs_gesture import dvs_gesture
from snn_data.event_split import EventSplit
from snn_data.events_to_frames import events_to_frames
from snn_data.extract import ArchiveError, extract
from snn_data.folders import data_folder
from snn_data.group_split import group_split
from snn_data.heidelberg import HeidelbergSpikes
from snn_data.idx_file import read_idx
from snn_data.labelled_sequences import LabelledSequences
from snn_data.labelled_tensors import LabelledTensors
from snn_data.length_batches import LengthBatches
from snn_data.mnist5k import mnist5k
from snn_data.mnist_rows import mnist_rows
from snn_data.nmnist import nmnist
from snn_data.plaid import plaid
from snn_data.seeded_split import seeded_split
from snn_data.shd import shd
from snn_data.split import Split, SplitIndices, stratified_split
from snn_data.ssc import ssc
from snn_data.valid_split import valid_split
from snn_data.vowels import vowels
from snn_data.watch_exercises import watch_exercises

__all__ = [
    "ArchiveError",
    "AugmentedDataset",
    "CachedDataset",
    "ChecksumError",
    "EventSplit",
    "HeidelbergSpikes",
    "LabelledSequences",
    "LabelledTensors",
    "LengthBatches",
    "RaggedBatch",
    "Split",
    "SplitIndices",
    "__version__",
    "augmented",
    "cached",
    "collate",
    "data_folder",
    "data_subset",
    "digits",
    "download",
    "dvs_gesture",
    "events_to_frames",
    "extract",
    "group_split",
    "mnist5k",
    "mnist_rows",
    "nmnist",
    "plaid",
    "read_idx",
    "seeded_split",
    "shd",
    "ssc",
    "stratified_split",
    "valid_split",
    "vowels",
    "watch_exercises",
    "writers",
    "zoo",
]

if not TYPE_CHECKING:  # a type checker would believe that every name exists
    __getattr__ = former_names.former_name
