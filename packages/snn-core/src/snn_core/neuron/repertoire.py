"""The repertoire of a neuron: the routes of its sequences, by their form, and the programs of a user's code."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from snn_core.effects.copies import copied
from snn_core.effects.fingerprint import Fingerprint
from snn_core.effects.random_states import RandomStates
from snn_core.engines.dtypes import as_dtype
from snn_core.engines.registry import Engine, Kernel
from snn_core.neuron.makeup import Makeup, equation_of
from snn_core.neuron.witness import Witness
from snn_core.programs.program import StepProgram
from snn_core.programs.tracing import Equation, NoProgram, at_rest, traced

Known = StepProgram | str  # a program, or the reason why there is none
Sample = tuple[int, ...] | None  # the shape of one sample of the input, if a program may be valid only for that shape
_MOST = 32  # programs and forms of sequences, so that a neuron which always changes does not fill the memory


class Form(NamedTuple):
    """Everything that decides how a neuron's sequence runs, besides values."""

    options: Hashable
    engines: tuple[Engine, ...]
    hook: str
    is_short: bool
    fields: tuple[str, ...]
    dtypes: tuple[torch.dtype, torch.dtype]
    sizes: tuple[Any, ...]
    modes: tuple[Hashable, ...]
    differentiates: bool


class Route(NamedTuple):
    """A decision about the sequences of one form: they run by a kernel of their step program, or by the loop.

    Args:
        kernel: The kernel; None for the loop.
        why: The reason for the loop.
        program: The program.
        witness: What must confirm the program ahead of each sequence, if a user's code takes part in a step.
    """

    kernel: Kernel | None
    why: str = ""
    program: StepProgram | None = None
    witness: Witness | None = None


class Repertoire:
    """The makeup of a neuron as it was last read, the routes of its sequences, and the programs of a user's code."""

    def __init__(self) -> None:
        self.makeup: Makeup | None = None  # as it was last read
        self.routes: dict[Form, Route] = {}
        self._programs: list[StepProgram] = []  # the one traced last first
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

    def keep(self, form: Form, route: Route) -> None:
        """Let later sequences of a form take a route."""
        if len(self.routes) == _MOST and form not in self.routes:
            self.routes.pop(next(iter(self.routes)), None)
        self.routes[form] = route

    def program(
        self, neuron: Any, makeup: Makeup, xs: Tensor, state: Any, sample: Sample, differentiates: bool
    ) -> tuple[Known, Witness | None, Any]:
        """Return the program of a user's code or why there is none, its witness, and results of its first step if any.

        Args:
            neuron: The neuron.
            makeup: Its makeup.
            xs: Input ``[T, batch, ...]``.
            state: The state before the first step.
            sample: The shape of one sample of the input, if a program may be valid only for that shape.
            differentiates: True if there may be a backward pass.
        """
        if neuron.training in self._impure:
            return self._impure[neuron.training], None, None
        first = None
        x = as_dtype(xs.detach()[0], state[0].dtype).requires_grad_(xs.requires_grad)
        witness = Witness(x, state, makeup.constants, differentiates)
        looked = makeup.options in self._looked
        known: Known | None = self._confirmed(neuron, witness, state) if looked else None
        if known is None:
            first, change = _first_step(neuron, xs, state)
            if change:
                self._impure[neuron.training] = f"a step {change}"
                return self._impure[neuron.training], None, first
            self._looked = {makeup.options, *list(self._looked)[: _MOST - 1]}
            known = None if looked else self._confirmed(neuron, witness, state)
        if known is None:
            known = self._trace(neuron, witness, x, sample, type(state))
        return known, witness, first

    def _confirmed(self, neuron: Any, witness: Witness, state: Any) -> StepProgram | None:
        """Return the known program that does what a neuron's step does from a state like this one."""
        programs = (program for program in self._programs if program.fields == state._fields)
        return next((program for program in programs if witness.confirms(neuron, program)), None)

    def _trace(self, neuron: Any, witness: Witness, x: Tensor, sample: Sample, state: Any) -> Known:
        """Trace the program of a neuron's step, or return the reason why none does the same."""
        try:
            program = traced_apart(equation_of(neuron, state), x.dim(), x.dtype, sample)
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


_OF_OURS: dict[Hashable, Known] = {}
_MOST_OF_OURS = 256  # as a surrogate may be annealed


def known_of_ours(neuron: Any, options: Hashable, axes: int, dtype: torch.dtype, sample: Sample, state: Any) -> Known:
    """Return the program of a neuron whose step is code of ours, which its options determine, or why there is none.

    Args:
        neuron: The neuron.
        options: Those of its makeup.
        axes: Number of axes of one step's input.
        dtype: Dtype of the states.
        sample: The shape of one sample of the input, if a program may be valid only for that shape.
        state: The class of what a step takes and returns.
    """
    key = options, sample or axes, dtype, state._fields
    known = _OF_OURS.get(key)
    if known is None:
        try:
            known = apart(lambda: traced(_neutral(equation_of(neuron, state)), axes, dtype, sample))
        except NoProgram as reason:
            known = str(reason)
        if len(_OF_OURS) >= _MOST_OF_OURS:
            _OF_OURS.pop(next(iter(_OF_OURS)), None)
        _OF_OURS[key] = known
    return known


def _neutral(equation: Equation) -> Equation:
    """Return an equation whose constants have ordinary values, as the program will be that of other neurons too."""
    constants = {}
    for name, c in equation.constants.items():
        values = torch.linspace(0.25, 0.75, c.numel(), dtype=c.dtype, device="cpu")
        constants[name] = values.reshape(c.shape).requires_grad_(c.requires_grad)
    return replace(equation, constants=constants)


def known_apart(neuron: Any, makeup: Makeup, axes: int, dtype: torch.dtype, sample: Sample, state: Any) -> Known:
    """Return the program of a neuron that is not run, or why there is none: of a user's, one step changes too much.

    Its tensors may have shapes only, as those of a traced program do.
    """
    if makeup.ours:
        return known_of_ours(neuron, makeup.options, axes, dtype, sample, state)
    try:
        twin = copied(neuron)
        change = apart(lambda: _change_by_step(twin, axes, dtype, sample, state))
        return f"a step {change}" if change else traced_apart(equation_of(neuron, state), axes, dtype, sample)
    except (NoProgram, ValueError) as reason:
        return str(reason)


def _change_by_step(neuron: Any, axes: int, dtype: torch.dtype, sample: Sample, state: Any) -> str:
    """Return what a neuron's step at rest changes besides the state."""
    x, zeros = at_rest(equation_of(neuron, state), axes, dtype, sample)
    before = Fingerprint(neuron, whole=True)
    neuron.advance(x, zeros, None)
    return before.change()


def traced_apart(equation: Equation, axes: int, dtype: torch.dtype, sample: Sample = None) -> StepProgram:
    """Trace in a separate thread, in which no mode is on, no hook is set, and gradients are enabled."""
    program: StepProgram = apart(lambda: traced(equation, axes, dtype, sample))
    return program


def apart(function: Callable[[], Any]) -> Any:
    """Call a function that runs a neuron's code in a thread of its own."""
    with RandomStates(), ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(function).result()
        except NoProgram:
            raise
        except Exception as error:  # the neuron's own code may raise anything for numbers that it does not expect
            raise NoProgram(f"a step on random numbers raises {type(error).__name__}: {error}") from error
