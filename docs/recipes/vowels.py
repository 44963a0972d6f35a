"""Classify nine speakers by two Japanese vowels: 640 utterances of 7 to 29 frames, from aeon.

``python docs/recipes/vowels.py``; the test part is that of the authors, recorded at another time.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

import snn
from training import Network, Parts, Recipe, divided, main, read_out

WIDTH = 64
STRETCH = 3  # steps per frame


def load(options: Any = None) -> Parts:
    """Load the utterances, stretched in time; 30 % of the training part is for validation."""
    return divided(*snn.data.vowels(), share=0.3, features=stretched)


def stretched(frames: Tensor) -> Tensor:
    """Return a sequence with three times as many steps, interpolated between the frames."""
    return F.interpolate(frames.T.unsqueeze(0), scale_factor=STRETCH, mode="linear").squeeze(0).T.contiguous()


def lif() -> nn.Module:
    """Return a net of leaky neurons."""
    return layers(nn.Linear)


def delays() -> nn.Module:
    """Return the same net with learned delays of up to ten steps in its synapses."""
    return layers(functools.partial(snn.DelayedLinear, max_delay=10))


def layers(connection: Callable[[int, int], nn.Module]) -> nn.Module:
    """Return a net of two hidden layers."""
    first, second = (snn.Leaky(beta=0.9, init_hidden=True) for _ in range(2))
    return nn.Sequential(
        connection(12, WIDTH), first, connection(WIDTH, WIDTH), second, nn.Linear(WIDTH, 9), read_out()
    )


RECIPE = Recipe("vowels", load, {"lif": Network(lif, 0.01), "delays": Network(delays, 0.01)}, epochs=40)

if __name__ == "__main__":
    main(RECIPE)
