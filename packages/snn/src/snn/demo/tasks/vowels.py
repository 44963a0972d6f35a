"""Utterances of two vowels, of unequal length; a recurrent network recognizes the speaker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

import snn
from snn.demo.programs.vowels import SpeakerTeller
from snn.demo.settings import VowelsSettings
from snn.demo.tasks.task import Batch, Part, Parts, Task

__all__ = ["Vowels"]


class Vowels(Task[VowelsSettings]):
    """The Japanese vowels that aeon carries, in standard deviations of the training part from its mean."""

    name = "vowels"
    title = "Japanese vowels, by speaker"
    kind: ClassVar[Literal["image", "sequence"]] = "sequence"
    classes: ClassVar[tuple[str, ...]] = tuple(f"speaker {number}" for number in range(1, 10))

    def load(self) -> Parts:
        parts = snn.data.vowels()
        frames = torch.cat(parts[0].data)
        mean, deviation = frames.mean(0), frames.std(0)
        scaled = ([(sample - mean) / deviation for sample in part.data] for part in parts)
        return Parts(
            *(snn.data.LabelledSequences(data, part.targets) for data, part in zip(scaled, parts, strict=True))
        )

    def network(self) -> nn.Module:
        chosen = self.settings
        betas = chosen.beta_least, chosen.beta_most
        return SpeakerTeller(chosen.hidden, betas, chosen.beta_output, chosen.slope)

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
