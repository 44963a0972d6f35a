"""Functions with which a training loop handles the states of a net."""

from snn_core.neuron.temporal import detach, reset

__all__ = ["detach", "reset"]
