"""Spikes of cues from the left and the right, the majority of which is asked for after a delay."""

from __future__ import annotations

import torch

from snn_data.sets.drawn_parts import drawn_parts
from snn_data.sets.labelled_tensors import LabelledTensors
from snn_data.splits.split import ThreePartSplit
from snn_data.whole import integer

__all__ = ["cue_accumulation"]

# in steps of 1 ms
PAUSE = 50
CUE = 100
RECALL = 150
# chance of a spike per step
SIGNAL = 0.04
NOISE = 0.01
# chance of a cue on the less likely side
RARE = 0.3


def cue_accumulation(
    train_samples: int = 400,
    valid_samples: int = 100,
    test_samples: int = 100,
    *,
    cues: int = 7,
    delay: int = 1050,
    seed: int = 0,
) -> ThreePartSplit[LabelledTensors]:
    """Draw trials of evidence accumulation: on which side were more cues, 0 left or 1 right?

    A step is 1 ms. Each cue is a pause of 50 steps and then 100 steps in which its channels spike, 0 to 9 for left and
    10 to 19 for right. After the delay, channels 20 to 29 spike in the last 150 steps and ask for the answer. These
    channels spike with a chance of 0.04 per step, 40 Hz, and are silent otherwise; channels 30 to 39 are noise of 10 Hz
    in all steps. One side is drawn in each trial, and each cue is on this side with a chance of 0.7.

    Args:
        train_samples: Number of trials in the training part.
        valid_samples: Number of trials in the validation part.
        test_samples: Number of trials in the test part.
        cues: Number of cues, odd, so that one side has more.
        delay: Steps between the last cue and the question.
        seed: Seed of the draw, 0 or more. A part depends on it and on its own number of trials alone; the global random
            state is neither read nor changed.

    Returns:
        ``(train, valid, test)``, each with ``data``, float32 spikes of shape
        ``[trials, 150 * cues + delay + 150, 40]``, and ``targets``, int64 sides of shape ``[trials]``. `collate` makes
        batches with time on axis 0.

    Raises:
        TypeError: If a number is not an integer.
        ValueError: If a number of trials is less than 1, `cues` is not odd and positive, or `delay` or the seed is
            negative.

    Example:
        >>> train, valid, test = cue_accumulation(10, 5, 5)
        >>> train.data.shape, test.targets.shape
        (torch.Size([10, 2250, 40]), torch.Size([5]))

    Source: Bellec et al., A solution to the learning dilemma for recurrent networks of spiking neurons (2020); the
        chances and the delay are those of programs of this task.
    """
    cues, delay = integer("cue_accumulation", "cues", cues), integer("cue_accumulation", "delay", delay)
    if cues < 1 or cues % 2 == 0:
        raise ValueError(f"cue_accumulation needs an odd number of cues, so that one side has more, got cues={cues}")
    if delay < 0:
        raise ValueError(f"cue_accumulation needs a delay of 0 steps or more, got delay={delay}")

    def draw(trials: int, generator: torch.Generator) -> LabelledTensors:
        side = torch.rand(trials, 1, generator=generator, device="cpu") < 0.5
        right = (torch.rand(trials, cues, generator=generator, device="cpu") < RARE) ^ side
        every = cues * (PAUSE + CUE)
        chances = torch.zeros(trials, every + delay + RECALL, 40, dtype=torch.float32, device="cpu")
        # a view, [trials, cues, CUE, 40]
        during = chances[:, :every].unflatten(1, (cues, -1))[:, :, PAUSE:]
        during[..., :10] = SIGNAL * ~right[..., None, None]
        during[..., 10:20] = SIGNAL * right[..., None, None]
        chances[:, -RECALL:, 20:30] = SIGNAL
        chances[..., 30:] = NOISE
        return LabelledTensors(torch.bernoulli(chances, generator=generator), (right.sum(1) > cues // 2).long())

    return drawn_parts("cue_accumulation", draw, (train_samples, valid_samples, test_samples), seed)
