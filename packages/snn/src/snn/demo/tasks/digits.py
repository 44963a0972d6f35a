"""Handwritten digits of 8 by 8 pixels, read by two fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

import snn
from snn.demo.jitter import Jitter, jitter
from snn.demo.settings import DigitsSettings
from snn.demo.tasks.task import Batch, Part, Parts, Task

__all__ = ["TASK", "DigitReader", "Digits"]

PIXELS, CLASSES = 64, 10


class DigitReader(nn.Module):
    r"""A network from pixels to spikes, with a hidden layer and one output neuron per digit; the busiest is the answer.

    The first neurons integrate a pixel's brightness without leak, :math:`U[t] = U[t-1] + x - R[t]`, so a pixel of
    brightness x fires about x times a step: an encoder that draws no random numbers.

    Args:
        settings: Sizes and initial decay; the weights are drawn from torch's global generator.

    Shape:
        input ``[batch, 1, 8, 8]``, brightness in [0, 1]; output spikes ``[batch, 10]``.

    Example:
        >>> DigitReader(DigitsSettings(hidden=20))(torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 10])

    Source: Gerstner et al., Neuronal Dynamics (2014), section 1.3.
    """

    def __init__(self, settings: DigitsSettings) -> None:
        super().__init__()
        learned: dict[str, Any] = {"init_hidden": True, "learn_beta": True, "learn_threshold": True}
        self.encoder: snn.Leaky = snn.Leaky(beta=1.0, init_hidden=True)
        self.to_hidden: nn.Linear = nn.Linear(PIXELS, settings.hidden)
        self.hidden: snn.Leaky = snn.Leaky(beta=settings.beta, **learned)
        self.to_output: nn.Linear = nn.Linear(settings.hidden, CLASSES)
        self.output: snn.Leaky = snn.Leaky(beta=settings.beta, **learned)

    def forward(self, images: Tensor) -> Tensor:
        """Run one step of all neurons."""
        spk = self.encoder(images.flatten(1))
        spk = self.hidden(self.to_hidden(spk))
        return self.output(self.to_output(spk))


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
        return DigitReader(self.settings)

    def batch(self, part: Part, chosen: Sequence[int], generator: torch.Generator | None = None) -> Batch:
        images = part.data[chosen]
        if generator is not None:
            images = jitter(images, generator, JITTER)
        return Batch(images.expand(self.settings.num_steps, *images.shape), part.targets[chosen])


JITTER = Jitter(angle=0.15, scale=0.1, shear=0.1, shift=0.5)
TASK = Digits
