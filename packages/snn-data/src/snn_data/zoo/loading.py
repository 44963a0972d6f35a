"""Trained nets from the files beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from snn_data.files.checksum import ChecksumError, check_file
from snn_data.zoo.nets import core, must_be_known, untrained

__all__ = ["CHECKSUMS", "FOLDER", "load", "manifest"]

FOLDER: Path = Path(__file__).parent
CHECKSUMS = "SHA256SUMS"


def load(name: str) -> nn.Module:
    """Load a trained net of the zoo.

    It gives one spike or none for each class in every step, and the class that fires most is its answer. ``samples``
    loads the data that it was tested on, in the form in which it is fed; the net's manifest describes this form.

    Args:
        name: ``"digits"``, 8x8 pixels; ``"mnist5k"``, 28x28 pixels; ``"vowels"``, speech of nine speakers.

    Returns:
        The net, in evaluation mode and at rest: an ``nn.Sequential`` of torch's layers and of neurons of snn-core.

    Raises:
        ImportError: If snn-core is not installed.
        ChecksumError: If the file is not the one that was trained.
        FileNotFoundError: If it is missing.
        ValueError: If the zoo has no such net.

    Example:
        >>> import snn_core as snn
        >>> net = load("digits")
        >>> snn.unroll(net, torch.zeros(8, 5, 1, 8, 8)).shape
        torch.Size([8, 5, 10])

    Source: its manifest; trained by ``tools/train_zoo.py`` of the project's tree.
    """
    file = _checked(name)
    with torch.random.fork_rng(devices=[]):  # the random weights are not kept
        net = untrained(name)
    core().load(file, net)
    return net.eval()


def manifest(name: str) -> dict[str, Any]:
    """Read what is known about a net of the zoo: its data, its accuracy, and the run that made it.

    Args:
        name: Its name.

    Returns:
        JSON data: ``accuracy`` on the test part, the numbers of ``samples``, and how many of them are ``right``; how
        the net is fed; ``settings``, ``seeds`` and ``versions`` of the run; ``sha256`` of the file.

    Raises:
        ImportError: If snn-core is not installed.
        ChecksumError: If the file is not the one that was trained.
        FileNotFoundError: If it is missing.
        ValueError: If the zoo has no such net.

    Example:
        >>> facts = manifest("digits")
        >>> facts["num_steps"], facts["samples"]["test"], facts["accuracy"] > 0.97
        (8, 359, True)

    Source: the header of the file.
    """
    file = _checked(name)
    saved = core().load(file)
    versions = {**saved.extra["versions"], **saved.versions}
    return {**saved.extra, "seeds": saved.seeds, "versions": versions, "sha256": _checksums()[file.name]}


def _checked(name: str) -> Path:
    """Return the file of a net after checking that it is the one that was trained."""
    must_be_known(name)
    file = FOLDER / f"{name}.safetensors"
    remedy = "pip install --force-reinstall --no-deps snn-data"
    if not file.is_file():
        raise FileNotFoundError(f"the zoo's {name} is {file}, which is missing: {remedy}")
    try:
        check_file(file, f"sha256:{_checksums()[file.name]}")
    except ChecksumError as error:
        raise ChecksumError(f"the zoo refuses its {name}: {error}; {remedy}") from error
    return file


def _checksums() -> dict[str, str]:
    """Return the SHA-256 of each file, read from a list in the format of ``sha256sum``."""
    lines = (FOLDER / CHECKSUMS).read_text(encoding="ascii").splitlines()
    return {file: digits for digits, file in (line.split() for line in lines)}
