"""Random augmentation that is the same in every run, whatever the number of workers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from snn_data.seeding import mixed_seed

__all__ = ["AugmentedDataset", "augmented"]


class AugmentedDataset(Dataset[Any]):
    """A data set whose samples change from epoch to epoch; made by `augmented`.

    Args:
        dataset: Data set of ``(data, target)`` pairs.
        transform: Random transform of ``data``.
        seed: Seed of all draws.
        global_rng: True if the transform draws from the global generators.

    Example:
        >>> AugmentedDataset([(1, 2)], lambda data, generator: data, seed=0, global_rng=False)
        AugmentedDataset(samples=1, seed=0, epoch=0)

    Source: counter-based random numbers, Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3 (2011).
    """

    def __init__(self, dataset: Any, transform: Callable[..., Any], seed: int, global_rng: bool) -> None:
        self.dataset = dataset
        self.transform = transform
        self.seed = seed
        self.global_rng = global_rng
        # shared memory, so that workers that live for several epochs see a change of the epoch
        self._epoch = torch.zeros((), dtype=torch.int64, device="cpu").share_memory_()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # a copy has its own memory, which it shares with its workers
        self._epoch.share_memory_()

    @property
    def epoch(self) -> int:
        """Number of the epoch, on which the draws depend."""
        return int(self._epoch)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; call it before iterating over a loader.

        Args:
            epoch: Number of the epoch, 0 or more.

        Raises:
            ValueError: If it is negative.
        """
        if epoch < 0:
            raise ValueError(f"set_epoch needs an epoch of 0 or more, got {epoch}")
        # so that it can be changed even if the data set was built or copied in inference mode
        with torch.inference_mode():
            self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"there is no sample {index}: the data set has {len(self)} samples")
        index %= len(self)
        data, target = self.dataset[index]
        seed = mixed_seed(self.seed, self.epoch, index)
        if not self.global_rng:
            return self.transform(data, torch.Generator().manual_seed(seed)), target
        with _global_seeds(seed):
            return self.transform(data), target

    def __repr__(self) -> str:
        return f"AugmentedDataset(samples={len(self)}, seed={self.seed}, epoch={self.epoch})"


def augmented(
    dataset: Any, transform: Callable[..., Any], *, seed: int = 0, global_rng: bool = False
) -> AugmentedDataset:
    """Apply a random transform whose draws depend only on ``(seed, epoch, index)``.

    An epoch is the same with any number of workers, in any order of samples, and when it is repeated.

    Args:
        dataset: Data set of ``(data, target)`` pairs with a length; a `cached` one does the work that is not random.
        transform: Called as ``transform(data, generator)`` with a ``torch.Generator`` on the CPU.
        seed: Seed of all epochs, 0 or more.
        global_rng: For transforms, such as tonic's and torchvision's, that draw from the global generators of Python,
            NumPy and torch: they are called as ``transform(data)`` with these generators seeded, which are restored
            afterward.

    Returns:
        A data set of the same length, with ``set_epoch``.

    Example:
        >>> def jittered(data, generator):
        ...     return data + torch.randn(data.shape, generator=generator)
        >>> train = augmented([(torch.zeros(3), 7)], jittered)
        >>> first = train[0][0]
        >>> train.set_epoch(1)
        >>> torch.equal(first, train[0][0])
        False
        >>> train.set_epoch(0)
        >>> torch.equal(first, train[0][0])
        True

    Source: counter-based random numbers, Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3 (2011).
    """
    return AugmentedDataset(dataset, transform, seed, global_rng)


@contextmanager
def _global_seeds(seed: int) -> Iterator[None]:
    python, numpy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed & 0xFFFF_FFFF)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        torch.set_rng_state(cpu)
