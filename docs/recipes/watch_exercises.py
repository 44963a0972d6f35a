"""Classify seven shoulder exercises by a watch on the wrist: ten people, recordings of 6 channels, from seglearn.

``python docs/recipes/watch_exercises.py``; no person is in two parts, so the net is tested on people it has not seen.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import snn
from training import Network, Parts, Recipe, main, read_out, standardized

WIDTH = 64
WINDOW = 200  # samples of 20 ms, about two repetitions
STEPS = 100


def load(options: Any = None) -> Parts:
    """Load windows of four seconds, 40 ms per step; three people are for testing, and two for validation."""
    recordings, subjects = snn.data.watch_exercises()
    windows, exercises, people = [], [], []
    for (recording, exercise), subject in zip(recordings, subjects.tolist(), strict=True):
        for window in recording.split(WINDOW)[: len(recording) // WINDOW]:
            windows.append(window.unflatten(0, (STEPS, -1)).mean(1))
            exercises.append(int(exercise))
            people.append(subject)
    owners = torch.tensor(people)
    rest, test = snn.data.group_split(owners, share=0.3)
    train, valid = (rest[indices] for indices in snn.data.group_split(owners[rest], share=0.3))
    return Parts(
        *standardized(
            *(
                snn.data.LabelledSequences([windows[i] for i in part], torch.tensor([exercises[i] for i in part]))
                for part in (train.tolist(), valid.tolist(), test.tolist())
            )
        )
    )


def lif() -> nn.Module:
    """Return a net of leaky neurons."""
    return layers(nn.Linear)


def delays() -> nn.Module:
    """Return the same net with learned delays of up to 0.8 s in its synapses."""
    return layers(functools.partial(snn.DelayedLinear, max_delay=20))


def layers(connection: Callable[[int, int], nn.Module]) -> nn.Module:
    """Return a net of two hidden layers."""
    first, second = (snn.Leaky(beta=0.9, init_hidden=True) for _ in range(2))
    return nn.Sequential(connection(6, WIDTH), first, connection(WIDTH, WIDTH), second, nn.Linear(WIDTH, 7), read_out())


NETWORKS = {"lif": Network(lif, 0.003), "delays": Network(delays, 0.003)}
RECIPE = Recipe("watch_exercises", load, NETWORKS, epochs=30)

if __name__ == "__main__":
    main(RECIPE)
