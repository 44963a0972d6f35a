"""The registration of the kernels with snn-core, if the library loads."""

from __future__ import annotations

from snn_core import kernels
from snn_cpu import library
from snn_cpu.convolutions import SpikeAwareConvolution
from snn_cpu.interpreter import Interpreter
from snn_cpu.max_pool import ChannelsLast
from snn_cpu.norms import StepNorms
from snn_cpu.products import SpikeAware
from snn_cpu.random_numbers import Draws

__all__ = ["register"]


def register() -> tuple[bool, str]:
    """Register every kernel of the package; the entry point ``cpu`` of the group ``snn.kernels``.

    Returns:
        True if the kernels can run here, and the library and instruction set, or the reason why not.
    """
    loaded, reason = library.load()
    if loaded:
        kernels.register("program", Interpreter())
        kernels.register("linear", SpikeAware())
        kernels.register("conv2d", SpikeAwareConvolution())
        kernels.register("max_pool2d", ChannelsLast())
        kernels.register("batch_norm", StepNorms())
        kernels.register("bernoulli", Draws())
    return loaded, reason
