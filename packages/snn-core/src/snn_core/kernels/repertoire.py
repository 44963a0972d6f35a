"""The programs that are known of a neuron, and which of them its code still is."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import torch
from torch import Tensor

from snn_core.kernels.makeup import Makeup
from snn_core.kernels.program import StepProgram
from snn_core.kernels.registry import Interpreter, first_of
from snn_core.kernels.tracing import NoProgram, traced
from snn_core.kernels.witness import Witness
from snn_core.neuron.firing import as_dtype, is_autocast
from snn_core.sequence.fingerprint import Fingerprint
from snn_core.sequence.random_states import RandomStates

Known = StepProgram | str  # a program, or the reason why there is none
Sample = tuple[int, ...] | None  # the shape of one sample of the input, if a program may be valid only for that shape
_MOST = 32  # programs and forms of sequences, so that a neuron which always changes does not fill the memory


class Repertoire:
    """The programs of a neuron, and for each form of a sequence the one that runs it, or the reason why none does."""

    def __init__(self) -> None:
        self._programs: list[StepProgram] = []  # the one traced last first
        self._by_form: dict[_Form, tuple[Known, Witness | None]] = {}
        self._impure: dict[bool, str] = {}  # by mode, as a step may change things in one mode only
        self._looked: set[Hashable] = set()  # options with which a step changed nothing

    @classmethod
    def of(cls, neuron: Any) -> Repertoire:
        """Return the repertoire of a neuron, which is empty at first."""
        repertoire: Repertoire | None = neuron._programs
        if repertoire is None:
            repertoire = cls()
            object.__setattr__(neuron, "_programs", repertoire)
        return repertoire

    def apart(self) -> Repertoire:
        """Return a copy that can be added to."""
        twin = Repertoire()
        twin._programs, twin._impure = [*self._programs], {**self._impure}
        return twin

    def program(
        self,
        neuron: Any,
        makeup: Makeup,
        xs: Tensor,
        state: Any,
        sample: Sample,
        engines: Sequence[Interpreter] = (),
    ) -> tuple[Known, Any]:
        """Return the program of a sequence, or why there is none, and the results of its first step if it ran.

        Args:
            neuron: The neuron.
            makeup: Its makeup.
            xs: Input ``[T, batch, ...]``.
            state: The state before the first step.
            sample: The shape of one sample of the input, if a program may be valid only for that shape.
            engines: The engines that may run the program; a known one that all refuse is returned as it is.
        """
        if neuron.training in self._impure:
            return self._impure[neuron.training], None
        form = _form(makeup, xs, state, sample)
        known, witness = self._by_form.get(form, (None, None))
        if known is not None and (isinstance(known, str) or witness is None):
            return known, None
        if known is not None and witness is not None:
            serves, _ = first_of(engines, known, form.dtypes[1])
            if serves is None or witness.confirms(neuron, known):
                return known, None
        first = None
        x = as_dtype(xs.detach()[0], state[0].dtype).requires_grad_(xs.requires_grad)
        witness = Witness(x, state, makeup.constants, form.differentiates)
        looked = makeup.ours or makeup.options in self._looked
        known = self._confirmed(neuron, witness, state) if looked else None
        if known is None and not makeup.ours:
            first, change = _first_step(neuron, xs, state)
            if change:
                self._impure[neuron.training] = f"a step {change}"
                return self._impure[neuron.training], first
            self._looked = {makeup.options, *list(self._looked)[: _MOST - 1]}
            known = None if looked else self._confirmed(neuron, witness, state)
        if known is None:
            known = self._trace(neuron, witness, x, sample, type(state))
        if len(self._by_form) == _MOST and form not in self._by_form:
            self._by_form.pop(next(iter(self._by_form)), None)
        self._by_form[form] = known, None if makeup.ours else witness
        return known, first

    def _confirmed(self, neuron: Any, witness: Witness, state: Any) -> StepProgram | None:
        """Return the known program that does what a neuron's step does from a state like this one."""
        programs = (program for program in self._programs if program.fields == state._fields)
        return next((program for program in programs if witness.confirms(neuron, program)), None)

    def _trace(self, neuron: Any, witness: Witness, x: Tensor, sample: Sample, state: Any) -> Known:
        """Trace the program of a neuron's step, or return the reason why none does the same."""
        try:
            program = traced_apart(lambda: neuron, x.dim(), x.dtype, sample, state)
        except NoProgram as reason:
            return str(reason)
        if not witness.confirms(neuron, program):
            return f"a step on input of shape {tuple(x.shape)} gives other numbers than its program"
        self._programs = [program, *self._programs[: _MOST - 1]]
        return program


def _first_step(neuron: Any, xs: Tensor, state: Any) -> tuple[Any, str]:
    """Run the first step of a sequence in the neuron's own code; return its results, and what else it changed."""
    before = Fingerprint(neuron, whole=True)
    return neuron.advance(as_dtype(xs.unbind(0)[0], state[0].dtype), state, None), before.change()


class _Form(NamedTuple):
    """Everything that a step may depend on besides values; for code of ours, without sizes and strides."""

    options: Hashable
    sample: Sample | int
    dtypes: tuple[torch.dtype, torch.dtype]
    differentiates: bool
    modes: tuple[Hashable, ...]
    sizes: tuple[Any, ...]


def _form(makeup: Makeup, xs: Tensor, state: Any, sample: Sample) -> _Form:
    tensors = xs, *state, *makeup.constants.values()
    grad, device = torch.is_grad_enabled(), xs.device.type
    modes = xs.requires_grad, state._fields, grad, torch.is_inference_mode_enabled()
    sizes: tuple[Any, ...] = ()
    if not makeup.ours:
        sizes = xs.shape[1:], xs.stride()[1:], *(s.stride() for s in state)
        modes = *modes, is_autocast(device) and torch.get_autocast_dtype(device)
    differentiates = grad and any(t.requires_grad for t in tensors)
    return _Form(makeup.options, sample or xs.dim(), (xs.dtype, state[0].dtype), differentiates, modes, sizes)


def traced_apart(
    neuron: Callable[[], Any], axes: int, dtype: torch.dtype, sample: Sample = None, state: Any = None
) -> StepProgram:
    """Trace in a separate thread, in which no mode is on, no hook is set, and gradients are enabled."""
    with RandomStates(), ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(lambda: traced(neuron(), axes, dtype, sample, state)).result()
        except NoProgram:
            raise
        except Exception as error:  # the neuron's own code may raise anything for numbers that it does not expect
            raise NoProgram(f"a step on random numbers raises {type(error).__name__}: {error}") from error
