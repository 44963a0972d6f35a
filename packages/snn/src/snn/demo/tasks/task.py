"""The base of every task of the demonstration: data, a network, and the conversion of samples to its input."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, Literal, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor, nn

import snn
from snn.demo.settings import Settings

__all__ = ["Batch", "Part", "Parts", "Task", "present"]

S = TypeVar("S", bound=Settings)


class Part(Protocol):
    """Samples and their targets ``[samples]``; ``data`` is a tensor, or a list of sequences of unequal length."""

    @property
    def data(self) -> Any: ...

    @property
    def targets(self) -> Tensor: ...

    def __len__(self) -> int: ...


class Parts(NamedTuple):
    """The data from which a network learns, and the data with which it is tested."""

    train: Part
    test: Part


class Batch(NamedTuple):
    """The input of a network, ``[num_steps, batch, ...]``, and the number of steps of each sample if they differ."""

    input: Tensor
    targets: Tensor
    lengths: Tensor | None = None


class Task(ABC, Generic[S]):
    """A task. Its network is written for one step and returns ``[batch, classes]`` output spikes."""

    name: ClassVar[str]
    title: ClassVar[str]
    kind: ClassVar[Literal["image", "sequence"]]
    classes: ClassVar[tuple[str, ...]]

    def __init__(self, settings: S) -> None:
        self.settings = settings

    @abstractmethod
    def load(self) -> Parts:
        """Return the data."""

    @abstractmethod
    def network(self) -> nn.Module:
        """Return a network with weights from torch's global generator."""

    @abstractmethod
    def batch(self, part: Part, chosen: Sequence[int], generator: torch.Generator | None = None) -> Batch:
        """Return some samples in the form of the network's input; without a generator they are not augmented."""


def present(net: nn.Module, batch: Batch) -> Tensor:
    """Show a batch to a network, from rest.

    Returns:
        Output spikes ``[num_steps, batch, classes]``, none after the end of a sample.
    """
    return snn.unroll(net, batch.input, lengths=batch.lengths)
