"""Whole sequences of neurons that are all connected to each other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from snn_core.kernels import SequenceCall
from snn_cpu.elementwise import refused
from snn_cpu.layout import Layout
from snn_cpu.models import DERIVATIVES, MODELS, RESETS

__all__ = ["EQUATIONS", "Dense"]

EQUATIONS = {"rleaky_dense": MODELS["leaky"], "rsynaptic_dense": MODELS["synaptic"]}

_NONE = torch.empty(0)


class Dense:
    """The kernel of recurrent neurons with a linear layer from their spikes to their input.

    The layer's products are sums of the weights of those neurons that fired, whose spikes are kept as bits.
    """

    name = "snn-cpu"
    device = "cpu"

    def refuses(self, call: SequenceCall) -> str | None:
        if torch.is_autocast_enabled("cpu"):
            return "autocast computes the recurrent connection in another dtype"
        return refused(call)

    def forward(
        self,
        call: SequenceCall,
        x: Tensor,
        states: Sequence[Tensor],
        constants: Sequence[Tensor],
        trace: bool,
        save: bool,
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        weight, bias, *own = constants
        layout = _rows(call, x, weight)
        (spikes, *last, bits, checkpoints), _ = torch.ops.snn_cpu.recurrent_forward(
            layout.sequence(x),
            [layout.step(s) for s in states],
            weight.contiguous(),
            bias.contiguous(),
            [_by_neuron(c, x.dtype, layout) for c in _coefficients(call, own)],
            EQUATIONS[call.family].code,
            RESETS[call.reset, call.reset_delay],
            trace,
            save,
        )
        back = layout.sequence_back if trace else lambda s: layout.step_back(s[0])
        return (layout.sequence_back(spikes), *map(back, last)), (bits, checkpoints) if save else ()

    def backward(
        self,
        call: SequenceCall,
        grads: Sequence[Tensor | None],
        x: Tensor,
        states: Sequence[Tensor],
        constants: Sequence[Tensor],
        saved: Sequence[Tensor],
        trace: bool,
        needs: Sequence[bool],
    ) -> tuple[Tensor | None, ...]:
        weight, bias, *own = constants
        layout = _rows(call, x, weight)
        need_weight, need_bias, *need_own = needs[1 + len(states) :]
        with torch.enable_grad():
            leaves = [c.detach().requires_grad_(n) for c, n in zip(own, need_own, strict=True)]
            coefficients = _coefficients(call, leaves)
        needed = [c.requires_grad for c in coefficients]
        by_neuron = [_by_neuron(c, x.dtype, layout) for c in coefficients]
        initial = [layout.step(s) for s in states]
        first, second = (*call.params, 0.0, 0.0)[:2]
        grad_spk, *grad_states = grads
        (drive, *found), returned = torch.ops.snn_cpu.recurrent_backward(
            _NONE if grad_spk is None else layout.sequence(grad_spk),
            [_NONE if g is None else layout.sequence(g if trace else g.unsqueeze(0)) for g in grad_states],
            layout.sequence(x),
            initial,
            weight.contiguous(),
            bias.contiguous(),
            by_neuron,
            *saved,
            EQUATIONS[call.family].code,
            RESETS[call.reset, call.reset_delay],
            DERIVATIVES[call.surrogate],
            first,
            second,
            trace,
            needs[0] or need_weight or need_bias,
            sum(1 << i for i, n in enumerate(needed) if n),
        )
        grad_initial, sums = found[: len(states)], found[len(states) :]
        grad_weight = grad_bias = None
        if need_weight or need_bias:
            grad_weight, grad_bias = _connection(drive, initial[0], saved[0], by_neuron[-1], returned)
        return (
            layout.sequence_back(drive) if needs[0] else None,
            *map(layout.step_back, grad_initial),
            grad_weight,
            grad_bias,
            *_constants(leaves, coefficients, sums, layout),
        )


_ALL_BITS, _BITS_AFTER_FIRST = 0, 1  # of the library's answers to where it found the spikes


def _connection(
    drive: Tensor, initial: Tensor, bits: Tensor, amplitude: Tensor, returned: int
) -> tuple[Tensor, Tensor]:
    """Gradients of weight and bias: every step's of what reached the neurons, by the spikes of the step before."""
    steps, rows, _ = bits.shape
    neurons = amplitude.shape[-1]
    to = drive.view(steps * rows, neurons)
    spikes = bits.flatten(0, 1)
    if returned in (_ALL_BITS, _BITS_AFTER_FIRST):
        weight, bias, finite = torch.ops.snn_cpu.spike_product_gradient(spikes, to, neurons)
        if finite:
            weight = weight * amplitude
            if returned == _BITS_AFTER_FIRST:
                weight.addmm_(to[:rows].t(), initial.view(rows, neurons))
            return weight, bias
    values = torch.ops.snn_cpu.unpack_spikes(spikes, neurons, to).view(steps, rows, neurons) * amplitude
    if returned != _ALL_BITS:
        values[0] = initial.view(rows, neurons)
    return to.t() @ values.view(steps * rows, neurons), to.sum(0)


def _rows(call: SequenceCall, x: Tensor, weight: Tensor) -> Layout:
    neurons = weight.shape[0]
    if x.dim() < 2 or x.shape[-1] != neurons:
        raise ValueError(
            f"{call.family}: the recurrent connection has {neurons} neurons, so the input must be [T, ..., {neurons}], "
            f"got {tuple(x.shape)}; set linear_features to the size of its last axis"
        )
    return Layout(tuple(x.shape[1:]))


def _coefficients(call: SequenceCall, constants: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Those of the equation and the amplitude, from decays, amplitude and threshold."""
    *decays, amplitude, threshold = constants
    return *EQUATIONS[call.family].coefficients(*decays, threshold), amplitude


def _by_neuron(coefficient: Tensor, dtype: torch.dtype, layout: Layout) -> Tensor:
    """A coefficient as ``[1, neurons]``, or ``[rows, neurons]`` where it differs between the rows of the batch."""
    c, neurons = coefficient.detach().to(dtype), layout.shape[-1]
    alike = all(n == 1 for n in c.shape[:-1])
    return c.reshape(-1).expand(1, neurons).contiguous() if alike else layout.step(c).view(-1, neurons)


def _constants(
    leaves: Sequence[Tensor], coefficients: Sequence[Tensor], sums: Sequence[Tensor], layout: Layout
) -> list[Tensor | None]:
    """The gradients of the constants from those of the coefficients, which are given by column."""
    needed = [(c, s) for c, s in zip(coefficients, sums, strict=True) if c.requires_grad]
    if not needed:
        return [None] * len(leaves)
    outer = [layout.sum_to(s, c.shape).to(c.dtype) for c, s in needed]
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    given = iter(torch.autograd.grad([c for c, _ in needed], wanted, outer))
    return [next(given) if leaf.requires_grad else None for leaf in leaves]
