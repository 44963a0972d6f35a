"""Handwritten digits of 8 by 8 pixels, read by two fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import nn

import snn
from snn.demo.programs.digits import DigitReader, changed
from snn.demo.settings import DigitsSettings
from snn.demo.tasks.task import Batch, Part, Parts, Task

__all__ = ["TASK", "Digits"]


class Digits(Task[DigitsSettings]):
    """The 1,797 digits of scikit-learn.

    Example:
        >>> task = Digits(DigitsSettings(num_steps=5))
        >>> task.batch(task.load().train, [3, 1]).input.shape
        torch.Size([5, 2, 1, 8, 8])
    """

    name = "digits"
    title = "handwritten digits of 8 by 8 pixels"
    kind: ClassVar[Literal["image", "sequence"]] = "image"
    classes: ClassVar[tuple[str, ...]] = tuple("0123456789")

    def load(self) -> Parts:
        return Parts(*snn.data.digits(self.settings.test_share, self.settings.split_seed))

    def network(self) -> nn.Module:
        return DigitReader(self.settings.hidden, self.settings.beta)

    def batch(self, part: Part, chosen: Sequence[int], generator: torch.Generator | None = None) -> Batch:
        images = part.data[chosen]
        if generator is not None:
            images = changed(images, generator)
        return Batch(images.expand(self.settings.num_steps, *images.shape), part.targets[chosen])


TASK = Digits
