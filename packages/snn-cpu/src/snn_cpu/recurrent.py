"""Whole sequences of neurons that are all connected to each other."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from snn_core.kernels import SequenceCall
from snn_core.kernels.layout import Layout
from snn_core.kernels.program import X_OVER_STEPS, StepProgram
from snn_core.kernels.programs import program_of_family
from snn_cpu.interpreter import Interpreter, columns_of, is_at_hand, sum_to

__all__ = ["ALONE", "Dense"]

ALONE = {"rleaky_dense": "leaky", "rsynaptic_dense": "synaptic"}
"""The families of the neurons without their connections, by the families with them."""

_NONE = torch.empty(0, device="cpu")


class Dense:
    """The kernel of recurrent neurons with a linear layer from their spikes to their input.

    The layer's products are sums over the neurons that fired, whose spikes are kept as bits. Added to the input, they
    are the input of the step program of neurons without connections.
    """

    name = "snn-cpu"
    device = "cpu"
    sums_x = True
    overwrites = True

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._reason_of = functools.lru_cache(256)(self._reason)

    def refuses(self, call: SequenceCall) -> str | None:
        if torch.is_autocast_enabled("cpu"):
            return "autocast computes the recurrent connection in another dtype"
        return self._reason_of(call)

    def _reason(self, call: SequenceCall) -> str | None:
        if call.mixed:
            return f"a constant per neuron is not {str(call.dtype).removeprefix('torch.')} like the input"
        alone = _alone(call)
        constants = [torch.ones((), dtype=call.dtype, device="cpu")] * len(alone.names)
        known = program_of_family(alone, 2, constants, [False] * len(constants))
        return known if isinstance(known, str) else self._interpreter.refuses(known, call.dtype)

    def forward(
        self,
        call: SequenceCall,
        x: Tensor,
        states: Sequence[Tensor],
        constants: Sequence[Tensor],
        trace: bool,
        save: bool,
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        weight, bias, *decays, amplitude, threshold = constants
        layout = _rows(call, x, weight)
        own = [*decays, threshold]
        program = _program(call, x, own, [c.requires_grad for c in own])
        graded = _by_neuron(amplitude, x.dtype, layout)
        coefficients = _coefficients(call, program, own, x.dtype, layout)
        spk, *others = map(layout.step, states)
        (spikes, *last, bits, checkpoints), _ = torch.ops.snn_cpu.recurrent_forward(
            *self._interpreter.forward_code(program),
            layout.sequence(x),
            spk,
            others,
            weight.contiguous(),
            bias.contiguous(),
            graded,
            coefficients,
            trace,
            save,
        )
        back = layout.sequence_back if trace else layout.step_back
        saved = (graded, bits, checkpoints, *coefficients) if save else ()
        return (layout.sequence_back(spikes), *map(back, last)), saved

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
        sums_x: bool = False,
        overwrites: bool = False,
    ) -> tuple[Tensor | None, ...]:
        weight, bias, *decays, amplitude, threshold = constants
        layout = _rows(call, x, weight)
        need_weight, need_bias, *need_decays, need_amplitude, need_threshold = needs[1 + len(states) :]
        own = [*decays, threshold]
        program = _program(call, x, own, [*need_decays, need_threshold])
        values = dict(zip(_alone(call).names, own, strict=True))
        shape = program.shape_of_sums(values)
        if sums_x:
            program = program.summing_x
        spk, *others = map(layout.step, states)
        graded, bits, checkpoints, *coefficients = saved
        grad_spk, *grad_states = grads if x.numel() else [None] * len(grads)
        upstream = [_NONE if g is None else layout.sequence(g if trace else g.unsqueeze(0)) for g in grad_states]
        need_drive = (needs[0] and not sums_x) or need_weight or need_bias
        sent = _NONE if grad_spk is None else layout.sequence(grad_spk)
        over = overwrites and is_at_hand(sent, grad_spk)
        (drive, of_amplitude, *computed), returned = torch.ops.snn_cpu.recurrent_backward(
            *self._interpreter.backward_code(program, True, tuple(g is not None for g in grad_states[1:]), trace, True),
            sent,
            upstream[0],
            upstream[1:],
            layout.sequence(x),
            spk,
            others,
            weight.contiguous(),
            bias.contiguous(),
            graded,
            coefficients,
            bits,
            checkpoints,
            len(program.sums),
            trace,
            need_drive,
            need_amplitude,
            over,
        )
        if over:
            drive = sent
        initial, sums = computed[: len(states)], computed[len(states) :]
        grad_weight = grad_bias = None
        if need_weight or need_bias:
            grad_weight, grad_bias = _connection(drive, spk, bits[:-1], graded, returned)
        totals = dict(zip(program.sums, sums, strict=True))
        of_x: Tensor | None = None
        if sums_x:
            of_x = layout.step_back(totals.pop(X_OVER_STEPS).to(x.dtype))
        elif needs[0]:
            of_x = grad_spk if over else layout.sequence_back(drive)
        summed = {name: sum_to(layout, s, shape) for name, s in totals.items()}
        *grad_decays, grad_threshold = program.gradients(values, summed)
        return (
            of_x,
            *map(layout.step_back, initial),
            grad_weight,
            grad_bias,
            *grad_decays,
            sum_to(layout, of_amplitude, amplitude.shape).to(amplitude.dtype) if need_amplitude else None,
            grad_threshold,
        )


_ALL_BITS, _BITS_AFTER_FIRST = 0, 1  # the library's codes for the form of the spikes


def _connection(
    drive: Tensor, initial: Tensor, bits: Tensor, amplitude: Tensor, returned: int
) -> tuple[Tensor, Tensor]:
    """Return the gradients of weight and bias, from those of every step's input and the previous step's spikes."""
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


@functools.lru_cache(256)
def _alone(call: SequenceCall) -> SequenceCall:
    """Return the call of the same neurons without connections."""
    return replace(call, family=ALONE[call.family])


def _program(call: SequenceCall, x: Tensor, constants: Sequence[Tensor], learn: Sequence[bool]) -> StepProgram:
    """Return the program of the neurons without connections, which exists because the call was not refused."""
    known = program_of_family(_alone(call), x.dim() - 1, constants, learn)
    assert isinstance(known, StepProgram), known
    return known


def _coefficients(
    call: SequenceCall, program: StepProgram, constants: Sequence[Tensor], dtype: torch.dtype, layout: Layout
) -> list[Tensor]:
    values = dict(zip(_alone(call).names, constants, strict=True))
    with torch.no_grad():
        return columns_of([*program.once.run(values).values()], dtype, layout)


def _by_neuron(coefficient: Tensor, dtype: torch.dtype, layout: Layout) -> Tensor:
    """Return a coefficient as ``[1, neurons]``, or ``[rows, neurons]`` if it differs between the rows of the batch."""
    c, neurons = coefficient.detach().to(dtype), layout.shape[-1]
    alike = all(n == 1 for n in c.shape[:-1])
    return c.reshape(-1).expand(1, neurons).contiguous() if alike else layout.step(c).view(-1, neurons)
