"""Classify eleven types of appliances by the current they draw: 1,074 sequences of 100 to 1,344 values, from sktime.

``python docs/recipes/plaid.py``; the test part is that of the UCR archive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import snn
from training import Network, Parts, Recipe, divided, main, read_out

WIDTH = 64
AT_ONCE = 4  # values per step


def load(options: Any = None) -> Parts:
    """Load the currents, four values per step; a quarter of the training part is for validation."""
    return divided(*snn.data.plaid(), share=0.25, features=features)


def features(current: Tensor) -> Tensor:
    """Return the strength of a current, on a logarithmic scale, and its shape: ``[T / 4, 8]`` for ``[T, 1]``."""
    strength = (current.abs() + 1e-5).log10()
    shape = (current - current.mean()) / (current.std() + 1e-9)
    both = torch.cat([strength, shape], dim=1)
    return both[: len(both) // AT_ONCE * AT_ONCE].reshape(-1, 2 * AT_ONCE)


def lif() -> nn.Module:
    """Return a net of leaky neurons."""
    return layers(lambda: snn.Leaky(beta=0.95, init_hidden=True))


def seadlif() -> nn.Module:
    """Return a net of adaptive neurons, each with its own learned time constants."""
    return layers(lambda: snn.SEAdLIF.random(WIDTH, spike_grad=snn.surrogate.slayer(), init_hidden=True))


def layers(neuron: Callable[[], nn.Module]) -> nn.Module:
    """Return a net of two hidden layers."""
    return nn.Sequential(
        nn.Linear(2 * AT_ONCE, WIDTH), neuron(), nn.Linear(WIDTH, WIDTH), neuron(), nn.Linear(WIDTH, 11), read_out()
    )


RECIPE = Recipe("plaid", load, {"lif": Network(lif, 0.01), "seadlif": Network(seadlif, 0.03)}, epochs=40)

if __name__ == "__main__":
    main(RECIPE)
