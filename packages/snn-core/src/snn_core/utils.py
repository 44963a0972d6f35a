"""Functions for a training loop that reset and detach the states of a net."""

from snn_core.neuron.temporal import detach, reset

__all__ = ["detach", "reset"]
