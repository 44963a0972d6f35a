"""Classify twenty spoken digits by spikes of a model of the inner ear (SHD), with recurrent adaptive neurons or delays.

``python docs/recipes/shd.py --folder FOLDER`` with ``SHD/shd_train.h5`` and ``SHD/shd_test.h5`` in the folder. These
are as in the papers: 140 inputs, two layers, either of 360 adaptive neurons with the paper's constants or of 256
neurons with delays of up to 250 ms, the dropout, and, with delays, frames of 10 ms (the paper with adaptive neurons has
frames of 4 ms). The accuracy that they reach here has not been measured. The program needs snn-data[tonic].

Source: Baronig et al., Advancing spatio-temporal processing in spiking neural networks through adaptation (2024);
Hammouamri et al., Learning Delays in Spiking Neural Networks using Dilated Convolutions with Learnable Spacings (2024).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, nn

import snn
from training import Network, Parts, Recipe, main, read_out

BANDS = 5  # so many of the 700 channels form one input


class RSEAdLIF(snn.Recurrent, snn.SEAdLIF):
    """Adaptive neurons, each of which receives the spikes of all of them from the step before."""

    class State(NamedTuple):
        """Spikes of the step before, adaptation current and membrane potential."""

        spk: Tensor
        adaptation: Tensor
        mem: Tensor

    def __init__(self, *constants: Any, features: int, **options: Any) -> None:
        super().__init__(*constants, **options)
        self.connect(linear_features=features)


def load(options: Any) -> Parts:
    """Load frames of 10 ms; some speakers of the training part are for validation."""
    return Parts(*snn.data.shd(options.folder, dt=0.01, download=False))


def lif(classes: int, width: int) -> nn.Module:
    """Return a net of leaky neurons."""
    return layers(nn.Linear, lambda: snn.Leaky(beta=0.95, init_hidden=True), classes, width)


def seadlif(classes: int, width: int) -> nn.Module:
    """Return a net of two recurrent layers of adaptive neurons."""

    def neuron() -> nn.Module:
        return RSEAdLIF.random(width, features=width, spike_grad=snn.surrogate.slayer(), init_hidden=True)

    return layers(nn.Linear, neuron, classes, width, dropout=0.15)


def delays(classes: int, width: int) -> nn.Module:
    """Return a net of leaky neurons whose synapses have learned delays of up to 250 ms."""
    connection = functools.partial(snn.DelayedLinear, max_delay=25)
    return layers(connection, lambda: snn.Leaky(beta=0.95, init_hidden=True), classes, width, dropout=0.4)


def layers(
    connection: Callable[[int, int], nn.Module],
    neuron: Callable[[], nn.Module],
    classes: int,
    width: int,
    dropout: float = 0.15,
) -> nn.Module:
    """Return a net of two hidden layers."""
    return nn.Sequential(
        nn.AvgPool1d(BANDS),
        *(connection(700 // BANDS, width), neuron(), nn.Dropout(dropout)),
        *(connection(width, width), neuron(), nn.Dropout(dropout)),
        *(connection(width, classes), read_out(0.95)),
    )


NETWORKS = {
    "lif": Network(functools.partial(lif, 20, 360), 0.01),
    "seadlif": Network(functools.partial(seadlif, 20, 360), 0.01),
    "delays": Network(functools.partial(delays, 20, 256), 0.001),
}
RECIPE = Recipe("shd", load, NETWORKS, epochs=150, batch=256)

if __name__ == "__main__":
    main(RECIPE)
