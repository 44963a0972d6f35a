"""What a training loop does to the states of a net."""

from snn_core.neuron.temporal import detach, reset

__all__ = ["detach", "reset"]
