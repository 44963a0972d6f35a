"""Currents of household appliances, sequences of unequal length, that come with sktime and need no download."""

from __future__ import annotations

from snn_data.files.installed_file import installed_file
from snn_data.sets.labelled_sequences import LabelledSequences
from snn_data.sets.ts_file import read_ts
from snn_data.splits.split import Split

__all__ = ["plaid"]

SHA256 = {
    "TRAIN": "40deb3bc6bd1e1aa0e6db6e6bfd3cecc4a23bf57f6a6d6ab90fb75e4a2c72344",
    "TEST": "aa6da0dc1461e8d374e068a940ce37d1b0bb1a9844596d818920c8af696d656d",
}


def plaid() -> Split[LabelledSequences]:
    """Load PLAID, 1,074 currents drawn by appliances of 11 types; the task is to tell which type.

    A sequence is one channel of 100 to 1344 steps. The types are, from class 0: air conditioner, compact fluorescent
    lamp, fan, fridge, hairdryer, heater, incandescent light bulb, laptop, microwave, vacuum, washing machine. Their
    numbers of samples differ, from 13 to 88 in the training part, and the parts are those of the UCR archive.

    sktime is under the BSD 3-Clause license; neither it nor the file names a license of the data.

    Returns:
        ``(train, test)`` of 537 samples each, with ``data``, float32 sequences of shape ``[T_i, 1]``, ``targets``,
        int64 types 0 to 10 of shape ``[samples]``, and ``lengths``.

    Raises:
        ImportError: If sktime is not installed; it is not imported.
        ChecksumError: If one of its two files differs from that of releases 0.36 to 1.2.

    Example:
        >>> train, test = plaid()
        >>> len(train), len(test), train[0][0].shape
        (537, 537, torch.Size([500, 1]))
        >>> train.targets.bincount()
        tensor([33, 88, 57, 19, 78, 18, 57, 86, 69, 19, 13])

    Source: Gao et al., PLAID: A Public Dataset of High-Resolution Electrical Appliance Measurements for Load
        Identification Research (2014); UCR archive; the copy in sktime.
    """
    files = (
        installed_file("sktime", f"datasets/data/PLAID/PLAID_{part}.ts", checksum, caller="plaid", extra="plaid")
        for part, checksum in SHA256.items()
    )
    return Split(*map(read_ts, files))
