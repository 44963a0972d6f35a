"""Which implementation runs a neuron's sequence, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from snn_core.kernels import fused, operator
from snn_core.kernels.registry import FAMILIES, implementation, loop, serves_sequences


@dataclass(frozen=True)
class Choice:
    """The implementation chosen for a neuron's sequence: ``name`` of the kernel or ``"reference"``, and why."""

    name: str
    reason: str


def choose(neuron: Any, xs: Tensor) -> Choice:
    """Say what :func:`run` will use for a neuron and an input, and why.

    Args:
        neuron: A :class:`~snn_core.SpikingNeuron`.
        xs: Input ``[T, batch, ...]``, of which dtype and device count.

    Returns:
        The choice.

    Example:
        >>> import snn_core as snn
        >>> choose(snn.Leaky(beta=0.9, inhibition=True), torch.zeros(2, 1, 3))
        Choice(name='reference', reason='inhibition is not part of the operator')
    """
    call, why = operator.sequence_call(neuron, xs)
    if call is None:
        return Choice("reference", why)
    kernel, why = implementation(call)
    if kernel is not None and not fused.fits(xs, *neuron.constant_values(FAMILIES[call.family].constants)):
        return Choice("reference", "something else than autograd follows what is computed")
    return Choice("reference", why) if kernel is None else Choice(kernel.name, "takes the call")


def run(neuron: Any, xs: Tensor, state: Any, trace: bool) -> tuple[Tensor, Any]:
    """Run a neuron's whole sequence by the best implementation there is.

    Args:
        neuron: A :class:`~snn_core.SpikingNeuron`.
        xs: Input ``[T, batch, ...]``, T >= 1.
        state: A complete state of the neuron.
        trace: Return every step's states, stacked on axis 0, in place of the last one.

    Returns:
        ``(spikes, state)``, the spikes ``[T, batch, ...]`` before their graded factor.

    Example:
        >>> import snn_core as snn
        >>> lif = snn.Leaky(beta=0.5)
        >>> spk, last = run(lif, torch.ones(3, 1), lif.State(torch.zeros(1)), trace=False)
        >>> spk.flatten(), last.mem
        (tensor([0., 1., 0.]), tensor([0.7500]))
    """
    compiling = torch.compiler.is_compiling()
    # a file of ONNX is to run where none of our operators is known
    if torch.onnx.is_in_onnx_export() or not (compiling or serves_sequences(xs.device.type)):
        return loop(neuron.advance, xs, state, trace)
    call, _ = operator.sequence_call(neuron, xs)
    if call is not None and compiling:
        # a compiler would unroll the loop T times; the operator is one node to it
        return operator.call(call, neuron, xs, state, trace)
    kernel = implementation(call)[0] if call is not None else None
    if call is not None and kernel is not None:
        constants = tuple(neuron.constant_values(FAMILIES[call.family].constants))
        if fused.fits(xs, *state, *constants):
            spikes, *states = fused.call(kernel, call, xs, tuple(state), constants, trace)
            return spikes, type(state)._make(states)
    return loop(neuron.advance, xs, state, trace)
