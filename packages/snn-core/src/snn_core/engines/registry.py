"""Registered kernels, and the reference loop, which runs any sequence of a neuron without one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from snn_core.effects.separation import separate
from snn_core.engines.dtypes import as_dtype
from snn_core.programs.program import StepProgram


class Arguments(NamedTuple):
    """The arguments of a sequence of a program.

    Args:
        x: Input ``[T, ...]``.
        states: The states before the first step, in the dtype of the computation.
        constants: The constants that the program names, in its order.
        trace: True to return every step's states instead of the last ones.
    """

    x: Tensor
    states: Sequence[Tensor]
    constants: Sequence[Tensor]
    trace: bool


class Upstream(NamedTuple):
    """The arguments of a backward pass beside those of its sequence.

    Args:
        grads: The gradients of what ``forward`` returned, None for zero.
        saved: The tensors that ``forward`` saved.
        needs: For x, each state and each constant, True if its gradient is needed.
        sums_x: True for the gradient of x summed over the steps, where the input is the same in every step.
        overwrites: True if nothing else reads the gradient of the spikes afterward, so that its memory may be used.
    """

    grads: Sequence[Tensor | None]
    saved: Sequence[Tensor]
    needs: Sequence[bool]
    sums_x: bool = False
    overwrites: bool = False


class Kernel(Protocol):
    """An implementation of the sequences of one program; its attributes are those of the engine."""

    name: str
    widens: bool
    overwrites: bool

    def forward(self, call: Arguments, save: bool) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Return the outputs, and with ``save`` the tensors that ``backward`` will need.

        The outputs are the spikes ``[T, ...]`` before their graded factor, then each state, last or traced.
        """

    def backward(self, call: Arguments, upstream: Upstream) -> tuple[Tensor | None, ...]:
        """Return the gradients of x, each state and each constant; those that are not needed may be None."""

    def window(self, saved: Sequence[Tensor]) -> Tensor | None:
        """Return the bits that :meth:`Engine.window` describes, from what ``forward`` saved."""


class Engine(ABC):
    """An engine that runs the step program of any neuron over whole sequences, on one type of device."""

    name: str
    device: str
    widens: bool = False
    """True if it reads input in float16 or bfloat16 alongside float32 states, computes in float32, and returns the
    spikes and the gradient of the input in the input's dtype; other engines get the input cast."""
    overwrites: bool = False
    """True if it may return the gradient of the input in the tensor of the spikes' gradient, where asked to."""

    @abstractmethod
    def refuses(self, program: StepProgram, dtype: torch.dtype) -> str | None:
        """Return None to take a program, or the reason for refusing it."""

    def recurrent(self, program: StepProgram) -> Kernel | None:
        """Return a kernel of its own for a program with connections, or None to have them computed step by step."""
        return None

    def window(self, saved: Sequence[Tensor]) -> Tensor | None:
        """Return the bits of the places at which the gradient of the spikes is used, from what ``forward`` saved.

        Returns:
            ``int64[T, words]``: bit k of word w of a step stands for its column 64 w + k; None for all places.
        """
        return None

    def empty(self, sizes: Sequence[int], like: Tensor) -> Tensor:
        """Return an uninitialized tensor of the given sizes, with the dtype and device of another."""
        return like.new_empty([*sizes])

    @abstractmethod
    def forward(
        self, program: StepProgram, call: Arguments, save: bool
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Run a sequence.

        Args:
            program: A step program.
            call: The arguments; its constants are the other inputs of a step, in the order of
                ``program.coefficients``, and its states have one step's shape.
            save: Keep what the backward pass needs.

        Returns:
            Spikes ``[T, ...]`` and states, and what was saved.
        """

    @abstractmethod
    def backward(
        self, program: StepProgram, call: Arguments, upstream: Upstream, shape: torch.Size
    ) -> tuple[Tensor | None, ...]:
        """Run a sequence backward.

        Args:
            program: A step program.
            call: As in ``forward``.
            upstream: The gradients of what ``forward`` returned and what it saved. Its ``needs`` may name the input
                alone, it asks for no ``sums_x``, and ``overwrites`` only where the engine does.
            shape: The shape to which each of ``program.sums`` is reduced, over all steps; it broadcasts to the shape of
                one step.

        Returns:
            The gradients of the input, or None, and of the states before the first step; then the sums, in float64.
        """


_OFFERED: dict[str, list[Any]] = {}  # the implementations of each operation, the one registered last first
_OF_LAYERS = ("linear", "conv2d", "max_pool2d", "batch_norm", "bernoulli")  # functions of torch


def register(operation: str, kernel: Any) -> None:
    """Offer an implementation of an operation; the one registered last is asked first.

    Args:
        operation: ``"program"`` for the step program of any neuron, or torch's ``"linear"``, ``"conv2d"``,
            ``"max_pool2d"``, ``"batch_norm"`` or ``"bernoulli"``.
        kernel: The implementation: an :class:`Engine`, or, for torch's functions, a ``ProductKernel``,
            ``ConvolutionKernel``, ``PoolingKernel``, ``NormKernel`` or ``DrawingKernel``.

    Raises:
        ValueError: If the operation is unknown.

    Example:
        >>> import snn_core as snn
        >>> class Never(snn.kernels.Engine):
        ...     name, device = "never", "meta"
        ...     def refuses(self, program, dtype):
        ...         return "made to refuse"
        ...     forward = backward = None
        >>> engine = Never()
        >>> register("program", engine)
        >>> lif = snn.Leaky(beta=0.9).to("meta")
        >>> snn.kernels.choose(lif, torch.zeros(2, 1, device="meta")).reason
        'never: made to refuse'
        >>> unregister("program", engine)
    """
    known = (*_OF_LAYERS, "program")
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

        >>> unregister("program", None)
        Traceback (most recent call last):
        ValueError: kernel None is not registered for 'program'
    """
    if kernel not in _OFFERED.get(operation, []):
        raise ValueError(f"kernel {getattr(kernel, 'name', None)!r} is not registered for {operation!r}")
    _OFFERED[operation].remove(kernel)


def offered(operation: str, device: str) -> list[Any]:
    """Return the implementations registered for an operation on a type of device, in the order they are asked."""
    _discover()
    return [kernel for kernel in _OFFERED.get(operation, ()) if kernel.device == device]


def serves_sequences(device: str) -> bool:
    """Return True if any engine is registered for a type of device."""
    return bool(offered("program", device))


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
