"""Data sets for spiking networks, and splits that keep their parts separate."""

from typing import TYPE_CHECKING

from snn_data import former_names, writers, zoo
from snn_data._version import __version__
from snn_data.augmented import AugmentedDataset, augmented
from snn_data.collate import RaggedBatch, collate
from snn_data.events.dvs_gesture import dvs_gesture
from snn_data.events.event_split import EventSplit
from snn_data.events.events_to_frames import events_to_frames
from snn_data.events.heidelberg import HeidelbergSpikes
from snn_data.events.nmnist import nmnist
from snn_data.events.shd import shd
from snn_data.events.ssc import ssc
from snn_data.files.cached import CachedDataset, cached
from snn_data.files.checksum import ChecksumError
from snn_data.files.download import download
from snn_data.files.extract import ArchiveError, extract
from snn_data.files.folders import data_folder
from snn_data.files.idx_file import read_idx
from snn_data.length_batches import LengthBatches
from snn_data.sets.cue_accumulation import cue_accumulation
from snn_data.sets.digits import digits
from snn_data.sets.fashion_mnist import fashion_mnist
from snn_data.sets.labelled_sequences import LabelledSequences
from snn_data.sets.labelled_tensors import LabelledTensors
from snn_data.sets.mnist5k import mnist5k
from snn_data.sets.mnist_rows import mnist_rows
from snn_data.sets.plaid import plaid
from snn_data.sets.store_recall import store_recall
from snn_data.sets.vowels import vowels
from snn_data.sets.watch_exercises import watch_exercises
from snn_data.sets.yin_yang import yin_yang
from snn_data.splits.data_subset import data_subset
from snn_data.splits.group_split import group_split
from snn_data.splits.seeded_split import seeded_split
from snn_data.splits.split import Split, SplitIndices, ThreePartSplit, stratified_split
from snn_data.splits.valid_split import valid_split

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
    "ThreePartSplit",
    "__version__",
    "augmented",
    "cached",
    "collate",
    "cue_accumulation",
    "store_recall",
    "data_folder",
    "data_subset",
    "digits",
    "download",
    "dvs_gesture",
    "events_to_frames",
    "extract",
    "fashion_mnist",
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
    "yin_yang",
    "zoo",
]

former_names.keep_former_paths()

if not TYPE_CHECKING:  # a type checker would believe that every name exists
    __getattr__ = former_names.former_name
