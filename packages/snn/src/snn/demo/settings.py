"""Every number that a run of the demonstration depends on."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """Settings of one run.

    They were chosen on validation parts cut from the training part; the test part played no role in it.

    Args:
        seed: Seed of the initial weights, the order of the samples and their augmentation.
        epochs: Passes over the training part.
        num_steps: Steps for which the network looks at an image.
        hidden: Hidden neurons.
        batch: Images a training step.
        learning_rate: Highest learning rate of the schedule.
        beta: Membrane decay per step that the neurons start from, in [0, 1]; it is learnt.
        test_share: Share of the digits in the test part, in (0, 1).
        split_seed: Seed of the split into training and test part, the same for every ``seed``.

    Example:
        >>> Settings(seed=3).split_seed
        0
    """

    seed: int = 0
    epochs: int = 30
    num_steps: int = 16
    hidden: int = 300
    batch: int = 64
    learning_rate: float = 5e-3
    beta: float = 0.9
    test_share: float = 0.2
    split_seed: int = 0
