"""All numbers on which a run of the demonstration depends."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["DigitsSettings", "ImageSettings", "MnistSettings", "Settings", "VowelsSettings"]


@dataclass(frozen=True)
class Settings:
    """The settings that every task has.

    The settings of each task were chosen on validation parts cut from its training part; the test part played no role.

    Args:
        seed: Seed of the initial weights, the order of the samples and their augmentation.
        epochs: Passes over the training part.
        batch: Samples per training step.
        learning_rate: Highest learning rate of the schedule.
        weight_decay: Decoupled weight decay: each step shrinks a weight by this share of it, times the learning rate.

    Raises:
        TypeError: If a setting is of another type than its default.
        ValueError: If a seed is negative, another whole number is below 1, or a number is negative or not finite.
    """

    seed: int = 0
    epochs: int = 30
    batch: int = 64
    learning_rate: float = 5e-3
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value: Any = getattr(self, field.name)
            kind: type[Any] = type(field.default)
            if type(value) is not kind:
                raise TypeError(f"the setting {field.name} is {value!r}; pass one of type {kind.__name__}")
            least = 1 if kind is int and not field.name.endswith("seed") else 0
            if not least <= value < math.inf:
                raise ValueError(f"the setting {field.name} is {value!r}; pass a finite number of at least {least}")


@dataclass(frozen=True)
class ImageSettings(Settings):
    """Settings of images.

    Args:
        num_steps: Steps for which the network looks at an image.
        beta: Membrane decay per step that the neurons start from, in [0, 1]; it is learned.
        test_share: Share of the digits in the test part, in (0, 1).
        split_seed: Seed of the split into training and test part, the same for every ``seed``.
    """

    num_steps: int = 16
    beta: float = 0.9
    test_share: float = 0.2
    split_seed: int = 0


@dataclass(frozen=True)
class DigitsSettings(ImageSettings):
    """Settings of the digits of 8 by 8 pixels.

    Args:
        hidden: Hidden neurons.
    """

    hidden: int = 300


@dataclass(frozen=True)
class MnistSettings(ImageSettings):
    """Settings of the 5,000 digits of 28 by 28 pixels.

    Args:
        first: Channels of the first convolution.
        second: Channels of the second one.
    """

    epochs: int = 12
    num_steps: int = 5
    beta: float = 0.7
    first: int = 12
    second: int = 32


@dataclass(frozen=True)
class VowelsSettings(Settings):
    """Settings of the spoken vowels.

    Args:
        steps_per_frame: Steps between two analysis frames; what is between them is interpolated.
        hidden: Recurrent neurons.
        beta_least: Smallest membrane decay per step that a recurrent neuron starts from, in [0, 1]; it is learned.
        beta_most: Largest one.
        beta_output: The same for the output neurons.
        slope: Slope of the surrogate gradient; a steeper one makes gradients grow over the steps.
        noise: Standard deviation of the noise on each training step, in standard deviations of the coefficient.
        offset: The same for the noise that stays constant over a whole utterance.
        stretch: Largest share by which a training utterance becomes longer or shorter.
    """

    epochs: int = 60
    batch: int = 30
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    steps_per_frame: int = 2
    hidden: int = 300
    beta_least: float = 0.5
    beta_most: float = 0.95
    beta_output: float = 0.95
    slope: float = 3.0
    noise: float = 0.4
    offset: float = 0.3
    stretch: float = 0.2
