"""Spoken vowels of unequal length, whose speaker a recurrent network tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

import snn
from snn.demo.settings import VowelsSettings
from snn.demo.tasks.task import Batch, Part, Parts, Task

__all__ = ["TASK", "SpeakerTeller", "Vowels"]

COEFFICIENTS, CLASSES = 12, 9
# each coefficient, and how it changes from step to step
FEATURES = 2 * COEFFICIENTS


class SpeakerTeller(nn.Module):
    """A network with a recurrent layer of membranes with many speeds, and one output neuron per speaker.

    Args:
        settings: Sizes and initial decays; the weights are drawn from torch's global generator.

    Shape:
        input ``[batch, 24]``; output spikes ``[batch, 9]``.

    Example:
        >>> SpeakerTeller(VowelsSettings(hidden=20))(torch.zeros(3, 24)).shape
        torch.Size([3, 9])

    Source: Perez-Nieves et al., Neural heterogeneity promotes robust learning (2021), for the spread of the decays.
    """

    def __init__(self, settings: VowelsSettings) -> None:
        super().__init__()
        spike_grad = snn.surrogate.fast_sigmoid(slope=settings.slope)
        least, most = settings.beta_least, settings.beta_most
        self.to_hidden: nn.Linear = nn.Linear(FEATURES, settings.hidden)
        self.hidden: snn.RLeaky = snn.RLeaky(
            beta=least + (most - least) * torch.rand(settings.hidden),
            linear_features=settings.hidden,
            learn_beta=True,
            init_hidden=True,
            spike_grad=spike_grad,
        )
        self.to_output: nn.Linear = nn.Linear(settings.hidden, CLASSES)
        self.output: snn.Leaky = snn.Leaky(
            beta=settings.beta_output, learn_beta=True, learn_threshold=True, init_hidden=True, spike_grad=spike_grad
        )

    def forward(self, features: Tensor) -> Tensor:
        """Run one step of all neurons."""
        return self.output(self.to_output(self.hidden(self.to_hidden(features))))


class Scaled(NamedTuple):
    """Sequences ``[frames, 12]`` in standard deviations of the training part from its mean."""

    data: list[Tensor]
    targets: Tensor

    def __len__(self) -> int:
        return len(self.data)


class Vowels(Task[VowelsSettings]):
    """The Japanese vowels that aeon carries.

    Example:
        >>> from snn.demo.training import evaluate, train
        >>> task = Vowels(VowelsSettings(epochs=1, hidden=20))
        >>> parts = task.load()
        >>> net, history = train(task, parts.train)
        >>> len(parts.test), 0 <= evaluate(task, net, parts.test).accuracy <= 1
        (370, True)
    """

    name = "vowels"
    title = "Japanese vowels, by speaker"
    kind: ClassVar[Literal["image", "sequence"]] = "sequence"
    classes: ClassVar[tuple[str, ...]] = tuple(f"speaker {number}" for number in range(1, CLASSES + 1))

    def load(self) -> Parts:
        train, test = snn.data.vowels()
        frames = torch.cat(train.data)
        mean, deviation = frames.mean(0), frames.std(0)
        return Parts(
            *(Scaled([(sample - mean) / deviation for sample in part.data], part.targets) for part in (train, test))
        )

    def network(self) -> nn.Module:
        return SpeakerTeller(self.settings)

    def batch(self, part: Part, chosen: Sequence[int], generator: torch.Generator | None = None) -> Batch:
        sequences = [self._steps(part.data[index], generator) for index in chosen]
        steps = nn.utils.rnn.pad_sequence(sequences)
        if generator is not None:
            steps = steps + self.settings.noise * torch.randn(steps.shape, generator=generator)
        return Batch(steps, part.targets[chosen], torch.tensor([len(sequence) for sequence in sequences]))

    def _steps(self, frames: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return one utterance, interpolated and, for training, stretched and offset: ``[num_steps, 24]``."""
        stretch = 1.0
        if generator is not None:
            stretch += self.settings.stretch * (2 * torch.rand((), generator=generator).item() - 1)
            frames = frames + self.settings.offset * torch.randn(frames.shape[1], generator=generator)
        number = max(1, round(len(frames) * self.settings.steps_per_frame * stretch))
        between = functional.interpolate(frames.T.unsqueeze(0), number, mode="linear", align_corners=True)
        steps = between.squeeze(0).T
        return torch.cat([steps, steps.diff(dim=0, prepend=steps[:1])], dim=1)


TASK = Vowels
