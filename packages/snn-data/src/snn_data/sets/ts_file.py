"""Time series in the ``.ts`` format of the UEA and UCR archives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from snn_data.sets.labelled_sequences import LabelledSequences

__all__ = ["read_ts"]


def read_ts(path: Path) -> LabelledSequences:
    """Read a ``.ts`` file with classes, without time stamps or missing values.

    A sample is a line after ``@data``: its channels and finally its class, separated by colons, with the values of a
    channel separated by commas. All channels of a sample have the same length; samples may differ.

    Returns:
        Float32 sequences ``[T_i, channels]`` and int64 classes, numbered from 0 as ``@classLabel`` lists them.

    Raises:
        ValueError: If the file has no ``@data`` or no ``@classLabel``, or a sample is not of this form.

    Source: Bagnall et al., The UEA Multivariate Time Series Classification Archive (2018), section 2.
    """
    header, _, body = path.read_text(encoding="utf-8").partition("@data\n")
    names = next((line.split()[2:] for line in header.splitlines() if line.startswith("@classLabel")), None)
    if names is None or not body:
        raise ValueError(f"{path} has no @classLabel or no @data: it is not a .ts file with classes")
    data: list[Tensor] = []
    targets: list[int] = []
    for i, line in enumerate(body.splitlines()):
        *channels, name = line.split(":")
        try:
            values = np.array([channel.split(",") for channel in channels], dtype=np.float32)
            targets.append(names.index(name))
        except ValueError as error:
            raise ValueError(
                f"{path}, sample {i} does not consist of channels of one length and a class of {names}"
            ) from error
        data.append(torch.from_numpy(np.ascontiguousarray(values.T)))
    return LabelledSequences(data, torch.tensor(targets, device="cpu"))
