"""Real speech of unequal length that comes with aeon and needs no download."""

from __future__ import annotations

from snn_data.files.installed_file import installed_file
from snn_data.sets.labelled_sequences import LabelledSequences
from snn_data.sets.ts_file import read_ts
from snn_data.splits.split import Split

__all__ = ["vowels"]

SHA256 = {
    "TRAIN": "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd",
    "TEST": "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462",
}


def vowels() -> Split[LabelledSequences]:
    """Load 640 utterances of the Japanese vowels /ae/ by nine speakers; the task is to tell who speaks.

    An utterance is a sequence of 7 to 29 analysis frames of 12 linear-prediction cepstrum coefficients each. The test
    utterances were recorded at a different time than the training utterances, by the same nine speakers; the test part
    has between 24 and 88 utterances per speaker.

    Returns:
        ``(train, test)`` of 270 and 370 samples, each with ``data``, float32 sequences of shape ``[T_i, 12]``,
        ``targets``, int64 speakers 0 to 8 of shape ``[samples]``, and ``lengths``.

    Raises:
        ImportError: If aeon is not installed.
        ChecksumError: If one of its two files differs from that of releases 1.3 to 1.6.

    Example:
        >>> train, test = vowels()
        >>> len(train), len(test)
        (270, 370)
        >>> train.targets.bincount()
        tensor([30, 30, 30, 30, 30, 30, 30, 30, 30])
        >>> train[0][0].shape
        torch.Size([20, 12])

    Source: Kudo, Toyama and Shimbo, Multidimensional Curve Classification Using Passing-Through Regions (1999), UCI;
        the copy in aeon.
    """
    folder = "datasets/data/JapaneseVowels/JapaneseVowels_"
    files = (
        installed_file("aeon", f"{folder}{part}.ts", checksum, caller="vowels", extra="vowels")
        for part, checksum in SHA256.items()
    )
    return Split(*map(read_ts, files))
