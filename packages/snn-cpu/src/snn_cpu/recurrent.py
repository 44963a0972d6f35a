"""Whole sequences of neurons that are all connected to each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from snn_core.engines import Arguments, Layout, Upstream
from snn_core.programs import X_OVER_STEPS, StepProgram
from snn_cpu.feedback import Feedback
from snn_cpu.lowering import BackwardCode, ForwardCode

__all__ = ["Recurrent", "is_at_hand", "sum_to"]


class Codes(Protocol):
    """A source of the codes of step programs."""

    def forward_code(self, program: StepProgram) -> ForwardCode: ...
    def backward_code(
        self, program: StepProgram, spk: bool, states: tuple[bool, ...], trace: bool, need_x: bool
    ) -> BackwardCode: ...


_NONE = torch.empty(0, device="cpu")


class Recurrent:
    """The kernel of a program with feedback.

    The layer's products are sums over the neurons that fired, whose spikes are kept as bits. Added to the input, they
    are the input of the step program of neurons without connections.

    Args:
        program: The step program.
        feedback: The feedback in it.
        codes: The codes of the program without the layer, as an ``Interpreter`` makes them.
    """

    name = "snn-cpu"
    widens = False
    overwrites = True

    def __init__(self, program: StepProgram, feedback: Feedback, codes: Codes) -> None:
        self._program = program
        self._feedback = feedback
        self._codes = codes

    def forward(self, call: Arguments, save: bool) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        x, states, constants, trace = call
        values, layout = dict(zip(self._program.constants, constants, strict=True)), Layout(tuple(x.shape[1:]))
        graded, coefficients = self._coefficients(values, x.dtype, layout)
        spk, *others = map(layout.step, self._spikes_first(states))
        (spikes, *last, bits, checkpoints), _ = torch.ops.snn_cpu.recurrent_forward(
            *self._codes.forward_code(self._feedback.alone),
            layout.sequence(x),
            spk,
            others,
            *self._layer(values),
            graded,
            coefficients,
            trace,
            save,
        )
        back = layout.sequence_back if trace else layout.step_back
        saved = (graded, bits, checkpoints, *coefficients) if save else ()
        return (layout.sequence_back(spikes), *self._in_place(map(back, last))), saved

    def backward(self, call: Arguments, upstream: Upstream) -> tuple[Tensor | None, ...]:
        feedback, names, (x, states, constants, trace) = self._feedback, self._program.constants, call
        grads, saved, needs, sums_x, overwrites = upstream
        values, layout = dict(zip(names, constants, strict=True)), Layout(tuple(x.shape[1:]))
        needed = dict(zip(names, needs[1 + len(states) :], strict=True))
        need_weights = any(needed[path] for path in (feedback.connection.weight, feedback.connection.bias) if path)
        alone = feedback.alone.summing_x if sums_x else feedback.alone
        spk, *others = map(layout.step, self._spikes_first(states))
        graded, bits, checkpoints, *coefficients = saved
        grad_spk, *grad_states = grads if x.numel() else [None] * len(grads)
        of_states = [
            _NONE if g is None else layout.sequence(g if trace else g.unsqueeze(0))
            for g in self._spikes_first(grad_states)
        ]
        sent = _NONE if grad_spk is None else layout.sequence(grad_spk)
        over = overwrites and is_at_hand(sent, grad_spk)
        arrives = tuple(g is not _NONE for g in of_states[1:])
        (drive, of_amplitude, *computed), returned = torch.ops.snn_cpu.recurrent_backward(
            *self._codes.backward_code(alone, True, arrives, trace, True),
            sent,
            of_states[0],
            of_states[1:],
            layout.sequence(x),
            spk,
            others,
            *self._layer(values),
            graded,
            coefficients,
            bits,
            checkpoints,
            len(alone.sums),
            trace,
            (needs[0] and not sums_x) or need_weights,
            feedback.amplitude_sum is not None,
            over,
        )
        if over:
            drive = sent
        totals = dict(zip(alone.sums, computed[len(states) :], strict=True))
        of_x: Tensor | None = None
        if sums_x:
            of_x = layout.step_back(totals.pop(X_OVER_STEPS).to(x.dtype))
        elif needs[0]:
            of_x = grad_spk if over else layout.sequence_back(drive)
        if feedback.amplitude_sum is not None:
            totals[feedback.amplitude_sum] = of_amplitude
        shape = self._program.shape_of_sums(values)
        sums = {name: sum_to(layout, columns, shape) for name, columns in totals.items()}
        gradients = dict(zip(names, self._program.gradients(values, sums), strict=True))
        if need_weights:
            weight, bias = _connection(drive, spk, bits[:-1], graded, returned)
            gradients |= {feedback.connection.weight: weight, feedback.connection.bias or "": bias}
        initial = self._in_place(map(layout.step_back, computed[: len(states)]))
        return of_x, *initial, *(gradients[name] for name in names)

    def window(self, saved: Sequence[Tensor]) -> Tensor | None:
        return None

    def _layer(self, values: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the weight and bias of the layer, zeros if it has none."""
        weight, path = values[self._feedback.connection.weight].contiguous(), self._feedback.connection.bias
        return weight, weight.new_zeros(len(weight)) if path is None else values[path].contiguous()

    def _coefficients(
        self, values: Mapping[str, Tensor], dtype: torch.dtype, layout: Layout
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the amplitude for each neuron, and the coefficients of the program without the layer."""
        with torch.no_grad():
            computed = self._program.once.run(values)
        name = self._feedback.amplitude
        amplitude = torch.ones((), device="cpu") if name is None else computed[name]
        coefficients = [computed[coefficient] for coefficient in self._feedback.alone.coefficients]
        return _by_neuron(amplitude, dtype, layout), layout.columns(coefficients, dtype)

    def _spikes_first(self, states: Sequence[Any]) -> list[Any]:
        place = self._feedback.place
        return [states[place], *states[:place], *states[place + 1 :]]

    def _in_place(self, states: Iterable[Tensor]) -> list[Tensor]:
        """Return states, of which the spikes come first, in the order of the program."""
        spikes, *others = states
        others.insert(self._feedback.place, spikes)
        return others


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


def _by_neuron(coefficient: Tensor, dtype: torch.dtype, layout: Layout) -> Tensor:
    """Return a coefficient as ``[1, neurons]``, or ``[rows, neurons]`` if it differs between the rows of the batch."""
    c, neurons = coefficient.detach().to(dtype), layout.shape[-1]
    alike = all(n == 1 for n in c.shape[:-1])
    return c.reshape(-1).expand(1, neurons).contiguous() if alike else layout.step(c).view(-1, neurons)


def is_at_hand(sequence: Tensor, gradient: Tensor | None) -> bool:
    """Return True if the sequence that a kernel reads is the gradient itself, with memory for every element."""
    return gradient is not None and sequence.is_contiguous() and sequence.data_ptr() == gradient.data_ptr()


def sum_to(layout: Layout, columns: Tensor, shape: Sequence[int]) -> Tensor:
    """Return the sum of one number per column to a shape, in float64 and always in the same order."""
    return layout.sum_to(columns, shape, torch.ops.snn_cpu.sum_to)
