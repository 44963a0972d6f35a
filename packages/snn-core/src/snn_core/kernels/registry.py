"""Registered kernels, and the reference loop, which runs any sequence of a neuron without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from snn_core.kernels.program import StepProgram
from snn_core.neuron.firing import as_dtype


@dataclass(frozen=True)
class SequenceCall:
    """All properties of a call of a sequence operator except its tensors' values.

    ``dtype`` is the dtype of the states, in which a sequence is computed; ``mixed`` is True if a constant with axes has
    another dtype, so that torch computes in the wider of the two.
    """

    family: str
    device: str
    dtype: torch.dtype
    mixed: bool
    reset: Literal["subtract", "zero", "none"]
    reset_delay: bool
    surrogate: str
    params: tuple[float, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the constants, in order."""
        return FAMILIES[self.family].constants

    def steps(
        self, x: Tensor, states: Sequence[Tensor], constants: Sequence[Tensor], trace: bool
    ) -> tuple[Tensor, ...]:
        """Return what the neuron's own steps compute, differentiable by autograd: the spikes and the states."""
        return FAMILIES[self.family].steps(self, x, states, constants, trace)


@dataclass(frozen=True)
class Family:
    """A kind of neuron with a sequence operator.

    Args:
        neuron: Its class.
        parts: Its submodules, by name, with the class that each must be.
        constants: Names of the operator's tensors after the states, in order; ``part.name`` for a submodule's tensor.
        weights: The names among them that are not constants of a single neuron.
        operator: The operator.
        bare: Function ``(call, constants)`` that makes the neuron of a call around its constants.
        steps: Function ``(call, x, states, constants, trace)`` that runs the neuron's own step, differentiable by
            autograd, and returns spikes and states.
    """

    neuron: type
    parts: Mapping[str, type]
    constants: tuple[str, ...]
    weights: tuple[str, ...]
    operator: Callable[..., tuple[Tensor, ...]]
    bare: Callable[..., Any]
    steps: Callable[..., tuple[Tensor, ...]]


FAMILIES: dict[str, Family] = {}


class Kernel(Protocol):
    """A fused implementation of one or more families on one type of device.

    A kernel may set ``widens = True``: it then reads input in float16 or bfloat16 alongside float32 states, computes in
    float32, and returns the spikes and the gradient of the input in the input's dtype. For other kernels the input is
    cast.

    It may set ``sums_x = True``: its ``backward`` then takes ``sums_x=True`` too, which asks for the gradient of the
    input summed over the steps, ``[...]``, where the input is the same in every step.

    It may set ``overwrites = True``: its ``backward`` then takes ``overwrites=True`` too, which says that nothing else
    reads the gradient of the spikes afterward. The kernel may return the gradient of the input in that tensor.
    """

    name: str
    device: str

    def refuses(self, call: SequenceCall) -> str | None:
        """Return None to take the call, or the reason for refusing it."""

    def forward(
        self,
        call: SequenceCall,
        x: Tensor,
        states: Sequence[Tensor],
        constants: Sequence[Tensor],
        trace: bool,
        save: bool,
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Return the outputs, and with ``save`` the tensors that ``backward`` will need.

        The outputs are the spikes ``[T, ...]`` before their graded factor, then each state, last or traced.
        """

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
        """Return the gradients of x, each state and each constant, given the outputs' gradients (None for zero).

        ``needs`` says which are needed; the others may be None.
        """


class Interpreter(Protocol):
    """An engine that runs the step program of any neuron over whole sequences, on one type of device.

    It may set ``widens = True`` and ``overwrites = True``, like a :class:`Kernel`.
    """

    name: str
    device: str

    def refuses(self, program: StepProgram, dtype: torch.dtype) -> str | None:
        """Return None to take a program, or the reason for refusing it."""

    def empty(self, sizes: Sequence[int], like: Tensor) -> Tensor:
        """Return an uninitialized tensor of the given sizes, with the dtype and device of another."""

    def forward(
        self,
        program: StepProgram,
        x: Tensor,
        states: Sequence[Tensor],
        coefficients: Sequence[Tensor],
        trace: bool,
        save: bool,
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Run a sequence.

        Args:
            program: A step program.
            x: Input ``[T, ...]``.
            states: The states before the first step, each of one step's shape.
            coefficients: Other inputs of a step, in the order of ``program.coefficients``.
            trace: Return every step's states instead of the last ones.
            save: Keep what the backward pass needs.

        Returns:
            Spikes ``[T, ...]`` and states, and what was saved.
        """

    def backward(
        self,
        program: StepProgram,
        grads: Sequence[Tensor | None],
        x: Tensor,
        states: Sequence[Tensor],
        coefficients: Sequence[Tensor],
        saved: Sequence[Tensor],
        trace: bool,
        need_x: bool,
        shape: torch.Size,
    ) -> tuple[Tensor | None, ...]:
        """Run a sequence backward.

        Args:
            program: A step program.
            grads: The gradients of what ``forward`` returned, None for zero.
            x: As in ``forward``.
            states: As in ``forward``.
            coefficients: As in ``forward``.
            saved: The tensors that ``forward`` saved.
            trace: True if every step's states were returned.
            need_x: True if the gradient of the input is needed.
            shape: The shape to which each of ``program.sums`` is reduced, over all steps; it broadcasts to the shape of
                one step.

        Returns:
            The gradients of the input, or None, and of the states before the first step; then the sums, in float64.
        """


_OFFERED: dict[str, list[Any]] = {}  # the implementations of each operation, the one registered last first
_OF_LAYERS = ("linear", "conv2d", "max_pool2d")  # functions of torch.nn.functional


def register(operation: str, kernel: Any) -> None:
    """Offer an implementation of an operation; the one registered last is asked first.

    Args:
        operation: Name of a sequence operator, such as ``"leaky"``; ``"program"`` for the step program of any neuron;
            or torch's ``"linear"``, ``"conv2d"`` or ``"max_pool2d"``.
        kernel: The implementation: a :class:`Kernel`, an :class:`Interpreter`, or, for torch's functions, a
            ``Product``, ``Convolution`` or ``Pooling``.

    Raises:
        ValueError: If the operation is unknown.

    Example:
        >>> import snn_core as snn
        >>> class Never:
        ...     name, device = "never", "meta"
        ...     def refuses(self, call):
        ...         return "made to refuse"
        >>> kernel = Never()
        >>> register("leaky", kernel)
        >>> snn.kernels.choose(snn.Leaky(beta=0.9), torch.zeros(2, 1, device="meta")).reason
        'never: made to refuse'
        >>> unregister("leaky", kernel)
    """
    known = (*FAMILIES, *_OF_LAYERS, "program")
    if operation not in known:
        raise ValueError(
            f"cannot register a kernel for the unknown operation {operation!r}; known are {', '.join(known)}"
        )
    _OFFERED.setdefault(operation, []).insert(0, kernel)


def unregister(operation: str, kernel: Any) -> None:
    """Remove an implementation.

    Args:
        operation: Name of the operation for which it is registered.
        kernel: The implementation.

    Raises:
        ValueError: If it is not registered for the operation.

    Example:
        See :func:`register`.

        >>> unregister("leaky", None)
        Traceback (most recent call last):
        ValueError: kernel None is not registered for 'leaky'
    """
    if kernel not in _OFFERED.get(operation, []):
        raise ValueError(f"kernel {getattr(kernel, 'name', None)!r} is not registered for {operation!r}")
    _OFFERED[operation].remove(kernel)


def offered(operation: str, device: str) -> list[Any]:
    """Return the implementations registered for an operation on a type of device, in the order they are asked."""
    _discover()
    return [kernel for kernel in _OFFERED.get(operation, ()) if kernel.device == device]


def serves_sequences(device: str) -> bool:
    """Return True if any kernel for sequences of neurons is registered for a type of device."""
    _discover()
    of_sequences = (kernels for operation, kernels in _OFFERED.items() if operation not in _OF_LAYERS)
    return any(kernel.device == device for kernels in of_sequences for kernel in kernels)


def first_of(kernels: Sequence[Any], *call: Any) -> tuple[Any, str]:
    """Return the first implementation that does not refuse a call, or None with all reasons for refusal."""
    refusals = []
    for kernel in kernels:
        why = kernel.refuses(*call)
        if why is None:
            return kernel, ""
        refusals.append(f"{kernel.name}: {why}")
    return None, "; ".join(refusals)


def status() -> list[tuple[str, bool, str]]:
    """List every installed package of kernels: its name, True if it loaded, and what it serves or why it failed.

    Example:
        >>> all(reason for _, _, reason in status())
        True
    """
    _discover()
    return sorted(_LOADED)


_LOADED: list[tuple[str, bool, str]] = []
_DISCOVERED: list[bool] = []


def _discover() -> None:
    """Call what is installed under the entry point group ``snn.kernels``, once per process.

    Each entry is a function without arguments that registers its kernels and returns ``(ok, reason)``.
    """
    if _DISCOVERED:  # not functools.cache, as compilers warn about it
        return
    _DISCOVERED.append(True)
    for entry in metadata.entry_points(group="snn.kernels"):
        try:
            ok, reason = entry.load()()
        except Exception as error:  # no error in a third party's package may stop the reference from running
            ok, reason = False, f"{type(error).__name__}: {error}"
        _LOADED.append((entry.name, ok, reason))


Advance = Callable[[Tensor, Any, Any], tuple[Tensor, Any, Any]]


def loop(advance: Advance, xs: Tensor, state: Any, trace: bool, first: Any = None) -> tuple[Tensor, Any]:
    """Run every step of a sequence, one after another.

    Args:
        advance: One step, ``(x, state, carried) -> (spikes, state, carried)``, such as a neuron's ``advance``;
            ``carried`` is None in the first step. Its input and spikes have the dtype of the state.
        xs: Input ``[T, batch, ...]``, T >= 1.
        state: A complete state of the neuron.
        trace: Return every step's states, stacked on axis 0, instead of the last one.
        first: The result of the first step, if that step has already run.

    Returns:
        ``(spikes, state)``, the spikes ``[T, batch, ...]`` in the dtype of ``xs``.
    """
    from snn_core.sequence.unrolling import separate

    spikes, states, carried, start = [], [], None, state
    # unbind, not xs[t]: the backward of an index writes a gradient of the size of xs, which makes T of them quadratic
    for x in as_dtype(xs, state[0].dtype).unbind(0):
        spk, state, carried = advance(x, state, carried) if first is None else first
        first = None
        spikes.append(spk)
        if trace:
            states.append(state)
    if trace:
        state = type(state)._make([torch.stack(field) for field in zip(*states, strict=True)])
    else:
        state = type(state)._make(separate(state, (xs, *start)))
    return as_dtype(torch.stack(spikes), xs.dtype), state
