"""Spikes of bits and of commands: the bit that was shown with one command is asked for by the next."""

from __future__ import annotations

import torch
from torch import Tensor

from snn_data.sets.drawn_parts import drawn_parts
from snn_data.sets.labelled_tensors import LabelledTensors
from snn_data.splits.split import ThreePartSplit
from snn_data.whole import integer

__all__ = ["store_recall"]

# chance of a spike per step of 1 ms
ACTIVE = 0.05
# the target that torch.nn.functional.cross_entropy ignores
IGNORED = -100


def store_recall(
    train_samples: int = 400,
    valid_samples: int = 100,
    test_samples: int = 100,
    *,
    frames: int = 12,
    delay: int = 6,
    steps: int = 200,
    neurons: int = 10,
    seed: int = 0,
) -> ThreePartSplit[LabelledTensors]:
    r"""Draw sequences of the store-recall task: which bit was shown in the last frame with the command STORE?

    A step is 1 ms, and a frame has `steps` of them. There are four groups of `neurons` channels, which stand for the
    bit 0, the bit 1, STORE and RECALL. An active channel spikes with a chance of 0.05 per step, 50 Hz; the others are
    silent. A bit is drawn for each frame, and its group is active in the whole frame. STORE and RECALL alternate,
    beginning with STORE: each frame has the next command with a chance of

    .. math:: p = 1 / (1 + \text{delay}),

    so that `delay` frames lie between a STORE and its RECALL on average, if no end of a sequence cuts them off. A
    sequence without a RECALL is drawn again.

    Args:
        train_samples: Number of sequences in the training part.
        valid_samples: Number of sequences in the validation part.
        test_samples: Number of sequences in the test part.
        frames: Number of frames, 2 or more.
        delay: Mean number of frames between a STORE and its RECALL, at most `frames` - 2.
        steps: Number of steps in a frame.
        neurons: Number of channels in each group.
        seed: Seed of the draw, 0 or more. A part depends on it and on its own number of sequences alone; the global
            random state is neither read nor changed.

    Returns:
        ``(train, valid, test)``, each with ``data``, float32 spikes of shape ``[sequences, frames * steps, 4 *
        neurons]``, and ``targets``, int64 of shape ``[sequences, frames * steps]``: in the steps of a RECALL the bit of
        the last STORE, and -100, which PyTorch's cross entropy ignores, in all others. `collate` makes batches of data
        with time on axis 0; the targets of a batch are ``[batch, time]``.

    Raises:
        TypeError: If a number is not an integer.
        ValueError: If a number of sequences, `steps` or `neurons` is less than 1, `frames` less than 2, `delay` less
            than 0 or more than `frames` - 2, or the seed negative.

    Example:
        >>> train, valid, test = store_recall(10, 5, 5)
        >>> train.data.shape, test.targets.shape
        (torch.Size([10, 2400, 40]), torch.Size([5, 2400]))

    Source: Bellec et al., Long short-term memory and learning-to-learn in networks of spiking neurons (2018); the
        numbers of frames and steps, the delay and the rate are those of programs of this task.
    """
    sizes = {"frames": frames, "steps": steps, "neurons": neurons}
    frames, steps, neurons = (integer("store_recall", name, size) for name, size in sizes.items())
    delay = integer("store_recall", "delay", delay)
    for name, size, least in (("frames", frames, 2), ("steps", steps, 1), ("neurons", neurons, 1)):
        if size < least:
            raise ValueError(f"store_recall needs {name} of {least} or more, got {name}={size}")
    if not 0 <= delay <= frames - 2:
        raise ValueError(
            f"store_recall needs a delay of 0 to frames - 2 = {frames - 2}, for a STORE and its RECALL to fit, got "
            f"delay={delay}"
        )

    def draw(samples: int, generator: torch.Generator) -> LabelledTensors:
        bits = (torch.rand(samples, frames, generator=generator, device="cpu") < 0.5).long()
        commands = _commands(samples, frames, 1 / (1 + delay), generator)
        odd = commands.cumsum(1) % 2 == 1
        store, recall = commands & odd, commands & ~odd
        groups = torch.stack([bits == 0, bits == 1, store, recall], dim=2)
        chances = ACTIVE * groups.float().repeat_interleave(steps, 1).repeat_interleave(neurons, 2)
        last = torch.where(store, torch.arange(frames, device="cpu"), 0).cummax(1).values
        targets = bits.gather(1, last).masked_fill(~recall, IGNORED).repeat_interleave(steps, 1)
        return LabelledTensors(torch.bernoulli(chances, generator=generator), targets)

    return drawn_parts("store_recall", draw, (train_samples, valid_samples, test_samples), seed)


def _commands(samples: int, frames: int, chance: float, generator: torch.Generator) -> Tensor:
    """Return which frames have a command, ``[samples, frames]``; each sample has two or more, so there is a RECALL."""
    commands = torch.zeros(samples, frames, dtype=torch.bool, device="cpu")
    missing = torch.arange(samples, device="cpu")
    while len(missing):
        commands[missing] = torch.rand(len(missing), frames, generator=generator, device="cpu") < chance
        missing = missing[commands[missing].sum(1) < 2]
    return commands
