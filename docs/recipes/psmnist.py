"""Classify digits whose pixels come one per step in a random order (psMNIST), with recurrent resonating neurons.

``python docs/recipes/psmnist.py --folder FOLDER`` with the four files of MNIST in the folder, compressed or not:
``train-images-idx3-ubyte.gz``, ``train-labels-idx1-ubyte.gz``, ``t10k-images-idx3-ubyte.gz`` and
``t10k-labels-idx1-ubyte.gz``. Width, frequencies, damping, batch size and learning rate of ``brf`` are those of the
paper's program. The accuracy that it reaches here has not been measured.

Source: Higuchi et al., Balanced resonate-and-fire neurons (2024).
"""

from __future__ import annotations

import pathlib
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import snn
from training import Network, Parts, Recipe, main, read_out

WIDTH = 256


class RBRF(snn.Recurrent, snn.BRF):
    """Resonating neurons, each of which receives the spikes of all of them from the step before."""

    class State(NamedTuple):
        """Spikes of the step before, refractory variable and both parts of the oscillation."""

        spk: Tensor
        refractory: Tensor
        imag: Tensor
        mem: Tensor

    def __init__(self, features: int, **options: Any) -> None:
        omega, b = torch.empty(features).uniform_(15, 85), torch.empty(features).uniform_(0.1, 1)
        super().__init__(omega, b, learn_omega=True, learn_b=True, **options)
        self.connect(linear_features=features)


def load(options: Any) -> Parts:
    """Load the images of the files; a tenth of the training part is for validation."""
    folder = pathlib.Path(options.folder or ".")
    order = torch.randperm(784, generator=torch.Generator().manual_seed(0))
    train, test = (images(folder, part, order) for part in ("train", "t10k"))
    chosen = snn.data.stratified_split(train.targets, share=0.1)
    return Parts(*(snn.data.LabelledTensors(*train[indices]) for indices in chosen), test)


def images(folder: pathlib.Path, part: str, order: Tensor) -> snn.data.LabelledTensors:
    """Read images as sequences of pixels in an order, ``[samples, 784, 1]`` in [0, 1], and their digits."""
    pixels, digits = (read(folder, f"{part}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
    return snn.data.LabelledTensors(pixels.flatten(1)[:, order].unsqueeze(-1) / 255, digits.long())


def read(folder: pathlib.Path, name: str) -> Tensor:
    """Read a file, compressed or not."""
    packed = folder / f"{name}.gz"
    return snn.data.read_idx(packed if packed.exists() else folder / name)


def lif() -> nn.Module:
    """Return a net of leaky neurons, without recurrence, through which gradients explode over 784 steps."""
    neuron = snn.Leaky(beta=0.95, init_hidden=True)
    return nn.Sequential(nn.Linear(1, WIDTH), neuron, nn.Linear(WIDTH, 10), read_out(0.95))


def brf() -> nn.Module:
    """Return a net of recurrent resonating neurons."""
    neuron = RBRF(WIDTH, init_hidden=True)
    return nn.Sequential(nn.Linear(1, WIDTH, bias=False), neuron, nn.Linear(WIDTH, 10, bias=False), read_out(0.95))


RECIPE = Recipe("psmnist", load, {"lif": Network(lif, 0.01), "brf": Network(brf, 0.1)}, epochs=300, batch=256)

if __name__ == "__main__":
    main(RECIPE)
