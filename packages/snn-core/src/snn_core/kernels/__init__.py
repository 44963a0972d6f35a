"""How a whole sequence of a neuron is computed: the reference loop, operators over it, and fused kernels."""

from snn_core.kernels.dispatch import Choice, choose, run
from snn_core.kernels.operator import define
from snn_core.kernels.registry import Kernel, SequenceCall, loop, register, status, unregister

__all__ = ["Choice", "Kernel", "SequenceCall", "choose", "define", "loop", "register", "run", "status", "unregister"]
