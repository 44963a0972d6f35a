"""Fashion-MNIST, images of clothing, 28x28 pixels, from files that the user has."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from snn_data.files.idx_file import read_idx
from snn_data.sets.labelled_tensors import LabelledTensors
from snn_data.splits.split import ThreePartSplit, stratified_split
from snn_data.whole import integer

__all__ = ["fashion_mnist"]

CLASSES = 10
PARTS = ("train", "t10k")
KINDS = ("images-idx3", "labels-idx1")


def fashion_mnist(
    folder: str | Path, *, valid_samples: int = 10_000, split_seed: int = 0
) -> ThreePartSplit[LabelledTensors]:
    """Load Fashion-MNIST, 60,000 images of clothing to train and validate and 10,000 to test, from its four files.

    The classes are, from 0: T-shirt or top, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot.
    The validation part is a stratified draw from the training images; the test part is the data set's own. Nothing is
    downloaded.

    Args:
        folder: Folder with ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
            ``t10k-labels-idx1-ubyte``, each as it is or with ``.gz``, in ``fashion-mnist`` or torchvision's
            ``FashionMNIST/raw`` in it, or in the folder itself. The first of these with all four is read.
        valid_samples: Number of the training images in the validation part.
        split_seed: Seed of that draw.

    Returns:
        ``(train, valid, test)``, each with ``data``, float32 images in [0, 1] of shape ``[samples, 1, 28, 28]``, and
        ``targets``, int64 classes 0 to 9 of shape ``[samples]``.

    Raises:
        FileNotFoundError: If no folder has all four files.
        TypeError: If `valid_samples` is not an integer.
        ValueError: If a file is damaged or has other content, or `valid_samples` leaves a part without some class.

    Example:
        >>> import math, struct, tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for part, samples in (("train", 30), ("t10k", 10)):
        ...     for kind, shape in (("images-idx3", (samples, 28, 28)), ("labels-idx1", (samples,))):
        ...         header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
        ...         values = bytes(i % 10 for i in range(math.prod(shape)))
        ...         _ = (folder / f"{part}-{kind}-ubyte").write_bytes(header + values)
        >>> train, valid, test = fashion_mnist(folder, valid_samples=10)
        >>> len(train), valid.data.shape, test.targets
        (20, torch.Size([10, 1, 28, 28]), tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]))

    Source: Xiao, Rasul and Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms
        (2017).
    """
    kept = integer("fashion_mnist", "valid_samples", valid_samples)
    files = _files(Path(folder).expanduser())
    whole, test = (_part(*files[i : i + 2]) for i in (0, 2))
    if not 0 < kept < len(whole):
        raise ValueError(f"fashion_mnist: valid_samples={kept} of {len(whole)} leaves a part empty; choose another")
    parts = stratified_split(whole.targets, kept / len(whole), split_seed)
    train, valid = (LabelledTensors(*whole[part]) for part in parts)
    return ThreePartSplit(train, valid, test)


def _files(folder: Path) -> list[Path]:
    """Return images and labels of the training part, then those of the test part."""
    names = [f"{part}-{kind}-ubyte" for part in PARTS for kind in KINDS]
    looked_in = []
    for place in (folder / "fashion-mnist", folder / "FashionMNIST" / "raw", folder):
        files = {name: file for name in names for file in (place / f"{name}.gz", place / name) if file.is_file()}
        if len(files) == len(names):
            return [files[name] for name in names]
        looked_in.append(f"{place} (lacks {', '.join(name for name in names if name not in files)})")
    raise FileNotFoundError(
        f"fashion_mnist looked in {'; '.join(looked_in)}: name a folder with the four files, compressed by gzip or "
        "not, from https://github.com/zalandoresearch/fashion-mnist"
    )


def _part(images: Path, labels: Path) -> LabelledTensors:
    data = _bytes(images, [28, 28], "images")
    targets = _bytes(labels, [], "labels")
    if len(data) != len(targets):
        raise ValueError(
            f"{images} has {len(data)} images, but {labels} has {len(targets)} labels: get both from the same source"
        )
    if len(targets) == 0 or targets.max() >= CLASSES:
        content = f"the label {int(targets.max())}" if len(targets) else "no labels"
        raise ValueError(f"{labels} has {content}, but Fashion-MNIST has classes 0 to {CLASSES - 1}: get it again")
    return LabelledTensors(data.unsqueeze(1) / 255, targets.long())


def _bytes(file: Path, shape: list[int], kind: str) -> Tensor:
    values = read_idx(file)
    if values.dtype != torch.uint8 or values.ndim == 0 or list(values.shape[1:]) != shape:
        expected = ", ".join(["samples", *map(str, shape)])
        raise ValueError(
            f"{file} has {values.dtype} values of shape {list(values.shape)}, but {kind} are torch.uint8 of shape "
            f"[{expected}]: get it again"
        )
    return values
