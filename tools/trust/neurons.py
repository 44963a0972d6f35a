"""The neurons that are measured, each with a shape of input and constants that keep it alive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import snn_core as snn
from snn_core.neuron.temporal import Temporal

__all__ = ["EVERY", "Neuron", "public_neurons"]


@dataclass(frozen=True)
class Neuron:
    """A neuron class and how to build one.

    Args:
        kind: The class.
        arguments: Of its constructor, the same in snnTorch.
        shape: Of one step's input, batch first.
        threshold: Low enough that it fires.
    """

    kind: Callable[..., Any]
    arguments: dict[str, Any]
    shape: tuple[int, ...] = (3, 5)
    threshold: float = 1.0

    @property
    def name(self) -> str:
        """Of the class."""
        return str(getattr(self.kind, "__name__", self.kind))

    @property
    def whole(self) -> bool:
        """Whether it takes a whole sequence in place of one step."""
        return hasattr(self.kind, "sequence")

    def make(self, **options: Any) -> Any:
        """One in float64 with the same random weights every time."""
        torch.manual_seed(0)
        takes_threshold = self.name != "AssociativeLeaky"
        given = {"threshold": self.threshold, **options} if takes_threshold else options
        return self.kind(**self.arguments, **given).double()

    def input(self, num_steps: int, seed: int = 1) -> Tensor:
        """``[num_steps, batch, ...]``."""
        draw = torch.Generator().manual_seed(seed)
        return 1.2 * torch.randn(num_steps, *self.shape, generator=draw, dtype=torch.float64) + 0.4


EVERY = (
    Neuron(snn.Leaky, {"beta": 0.8}),
    Neuron(snn.RLeaky, {"beta": 0.8, "linear_features": 5}),
    Neuron(snn.Synaptic, {"alpha": 0.6, "beta": 0.8}),
    Neuron(snn.RSynaptic, {"alpha": 0.6, "beta": 0.8, "linear_features": 5}),
    Neuron(snn.Lapicque, {"R": 2.0, "C": 1.5}),
    Neuron(snn.Alpha, {"alpha": 0.9, "beta": 0.6}, threshold=0.5),
    Neuron(snn.SLSTM, {"input_size": 5, "hidden_size": 5}, threshold=0.1),
    Neuron(snn.SConv2dLSTM, {"in_channels": 2, "out_channels": 3, "kernel_size": 3}, shape=(3, 2, 5, 5), threshold=0.1),
    Neuron(snn.DeltaLeaky, {"delta_threshold": 1.0, "beta": 0.8}),
    Neuron(snn.LeakyParallel, {"input_size": 5, "hidden_size": 7, "beta": 0.8}, threshold=0.25),
    Neuron(snn.StateLeaky, {"beta": 0.8, "channels": 5}),
    Neuron(snn.LinearLeaky, {"beta": 0.8, "in_features": 5, "out_features": 7}, threshold=0.25),
    Neuron(
        snn.AssociativeLeaky,
        {"in_dim": 5, "d_value": 3, "d_key": 2, "num_spiking_neurons": 6, "use_q_projection": False},
    ),
)

_NO_NEURONS = {"LIF", "Recurrent", "SpikingNeuron"}  # bases
_NO_NEURONS |= {"BatchNormTT1d", "BatchNormTT2d", "GradedSpikes"}  # layers between neurons


def public_neurons() -> set[str]:
    """The names of all neurons that the package lists.

    Example:
        >>> "Leaky" in public_neurons()
        True
    """
    kinds = {name: getattr(snn, name) for name in snn.__all__}
    found = {name for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, Temporal)}
    return found - _NO_NEURONS
