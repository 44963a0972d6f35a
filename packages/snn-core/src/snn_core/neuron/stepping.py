"""One time step of a neuron, and a sequence of steps: reset, quantization and firing around the equation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Literal, Protocol, TypeVar, overload

import torch
from torch import Tensor

from snn_core import peer
from snn_core.engines.dtypes import as_dtype
from snn_core.engines.registry import loop, serves_sequences
from snn_core.neuron import choice, compiled
from snn_core.neuron.constant import may_be_differentiated
from snn_core.neuron.firing import winner
from snn_core.neuron.hints import must_broadcast
from snn_core.neuron.kept_state import complete
from snn_core.neuron.resetting import ResetMechanism, Resetting, is_at_rest
from snn_core.neuron.temporal import as_floating
from snn_core.surrogate import Surrogate
from snn_core.surrogate.step import above, is_watched

S = TypeVar("S", covariant=True)


class HasState(Protocol[S]):
    """A neuron with its ``State``, so that type checkers know the type of the state at the end of a sequence."""

    @property
    def State(self) -> Callable[..., S]: ...


class Stepping(Resetting):
    """A neuron as a pure function of input and state; :class:`~snn_core.SpikingNeuron` documents what it does."""

    ceiling: ClassVar[float] = math.inf  # no membrane reaches it, whatever the input; set by the class of integrate
    ahead: ClassVar[frozenset[str]] = frozenset()  # parts that only ``driven`` calls, ahead of the steps
    remembers: ClassVar[bool] = False  # True if the emitted spikes are part of the state

    def __init__(
        self,
        *,
        inhibition: bool = False,
        reset_mechanism: ResetMechanism = "subtract",
        state_quant: Any = False,
        reset_delay: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if not hasattr(getattr(self, "State", None), "_fields"):
            raise TypeError(
                f"{type(self).__name__} must declare its State, a NamedTuple of tensors, or define forward(self, "
                "input_), to be a neuron; docs/write-your-own-neuron.md shows how"
            )
        self.inhibition = inhibition
        self.state_quant = state_quant
        self.reset_delay = reset_delay
        if self.peer_clears_last:
            self.zero_drops_input: bool = peer.rules.zero_reset_drops_input
        self.register_buffer("reset_mechanism_val", torch.tensor(0))
        self.reset_mechanism = reset_mechanism

    def integrate(self, x: Tensor, state: Any) -> Any:
        """Return the state after one step of input ``x``, without any reset: the neuron's equation."""
        raise NotImplementedError(f"{type(self).__name__} must define integrate(self, x, state)")

    def carried(self, state: Any, at_rest: bool) -> Any:
        """Return a complete state with the spikes that came before it, which are constants at rest."""
        return self._Carried(*state, self._reset_signal(state) if at_rest else self.last_spikes(state))

    def _begin(self, state: Any, at_rest: bool) -> Any:
        """Return a complete state before a sequence, with the spikes that came before it where they are needed.

        A loop always gets them, as passing spikes on takes less time than computing them twice. A kernel, to which they
        are one more state, gets them only at rest, and only if spikes computed from the state would have a gradient.
        """
        if not self.reads_spikes:
            return state
        loops = not (torch.compiler.is_compiling() or serves_sequences(state[0].device.type))
        return self.carried(state, at_rest) if loops or (at_rest and self._differentiates_rest(state)) else state

    def _differentiates_rest(self, state: Any) -> bool:
        """Return True if spikes computed from a state at rest would have a gradient."""
        if may_be_differentiated(self.threshold):
            return True
        return torch.is_grad_enabled() and may_be_differentiated(self.membrane(state))

    def emit(self, state: Any, fired: Tensor) -> Tensor:
        """Return the spikes that are sent on, before their graded factor: ``fired`` unless the neuron pools."""
        return fired

    def remember(self, state: Any, spk: Tensor) -> Any:
        """Return ``state`` with everything that the next step needs to know about the emitted spikes."""
        return state

    def driven(self, xs: Tensor) -> Tensor:
        """Return the contribution of an input to the membranes, with any number of axes before the features."""
        return xs

    def state_shape(self, x: Tensor) -> torch.Size:
        """Return the shape of every state for the input of the membranes in one step."""
        return x.shape

    def step(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Run one time step, as a pure function.

        Args:
            x: Input of one step, ``[batch, ...]``.
            state: The neuron's ``State``. None, or a field that is None or of shape ``(0,)``, means at rest (zero); a
                field with one number is expanded to all neurons. A state with any other field, even of zeros, is that
                after an earlier step: neurons whose equation contains :math:`S[t-1]` compute it from there, with the
                surrogate's gradient. If all fields are at rest no spike came before, and it has no gradient.

        Returns:
            ``(spikes, state)``.

        Raises:
            ValueError: If the shape or device of a state does not fit the input.
            TypeError: If the dtype of a state is not the input's; under autocast, with input in half precision, if it
                is neither float32 nor the input's.

        Example:
            >>> import snn_core as snn
            >>> snn.Leaky(beta=0.5).step(torch.tensor([[1.5]]), None)
            (tensor([[1.]]), State(mem=tensor([[1.5000]])))
        """
        x = self.driven(as_floating(x, type(self).__name__))
        silent = is_at_rest(state) if self.reads_spikes else state is None and self._is_silent_at_rest(x)
        fired = False if silent else None
        state = complete(self, x, state)
        try:
            emitted, state, _ = self.advance(as_dtype(x, state[0].dtype), state, fired)
            spk = as_dtype(self.graded(emitted), x.dtype)
        except RuntimeError as error:
            must_broadcast(self, "states", self.state_shape(x), error, *self._outside())
            raise
        for s in state:
            if s is x:  # it belongs to the caller, who may overwrite it
                state = type(state)._make([s.clone() if s is x else s for s in state])
                break
        return spk, state

    def advance(
        self, x: Tensor, state: Any, fired: Tensor | Literal[False] | None
    ) -> tuple[Tensor, Any, Tensor | None]:
        """Run one step from a complete state; return the ungraded spikes, the state and the delayed reset signal.

        ``fired`` is that signal for the incoming state, if the caller has it from the previous step; False if there is
        nothing to reset, or, for a neuron that reads spikes, if none came before. Input and state have the same dtype,
        in which the step is computed. A step from a ``_Carried`` state returns one.
        """
        delayed = self._reset.uses and self.reset_delay
        carries = self.reads_spikes and not isinstance(state, self.State)
        if self.reads_spikes and fired is False:
            state = self.carried(state, at_rest=True)
        if delayed and fired is not False:
            fired = self._reset_signal(state) if fired is None else fired
            first = self._reset.comes_first(self)
            state = integrated(self, x, self._reset.act(self, state, fired) if first else state)
            state = state if first else self._reset.act(self, state, fired)
        else:
            state = integrated(self, x, state)
        state = type(state)._make([as_dtype(s, x.dtype) for s in state])
        if self.state_quant:
            state = self._quantized(state)
        fired = self._crossing(self.membrane(state))
        emitted = self.emit(state, fired)
        if not delayed:
            state = self._reset.act(self, state, fired)
            state = type(state)._make([as_dtype(s, x.dtype) for s in state])
        state = self.remember(state, self.graded(emitted)) if self.remembers else state
        if carries:
            if not isinstance(self.spike_grad, Surrogate):
                fired = self.last_spikes(state)  # a user's function may draw other spikes, as it does from step to step
            return emitted, self._Carried(*state, fired), None
        return emitted, state, fired.detach() if delayed and isinstance(self.spike_grad, Surrogate) else None

    def _crossing(self, mem: Tensor) -> Tensor:
        return self._fired_where_positive(mem - self.threshold, mem.dtype)

    def _fired_where_positive(self, shifted: Tensor, dtype: torch.dtype) -> Tensor:
        fired = as_dtype(self.spike_grad(shifted), dtype)
        return fired * winner(shifted).to(dtype) if self.inhibition else fired

    def _is_silent_at_rest(self, x: Tensor) -> bool:
        """Return True if no membrane is above its threshold at rest, so that nothing is reset in the first step."""
        if is_watched(x) or x.device.type != "cpu" or self.threshold.numel() != 1:
            return False
        if not isinstance(self.spike_grad, Surrogate) or not 0 <= self.threshold.item() < math.inf:
            return False
        return all(getattr(type(self), name) is getattr(Stepping, name) for name in ("membrane", *self._reset.uses))

    def _reset_signal(self, state: Any) -> Tensor:
        """Return 1 where the membrane of a state is above the threshold, else 0, without gradient."""
        mem = self.membrane(state).detach()
        if not isinstance(self.spike_grad, Surrogate):
            return self._crossing(mem).detach()
        fired = above(mem, self.threshold)
        return fired * winner(mem - self.threshold).to(mem.dtype) if self.inhibition else fired

    def _quantized(self, state: Any) -> Any:
        exact = self._exact()
        fields = zip(state._fields, state, strict=True)
        return type(state)._make([s if name in exact else self.state_quant(s) for name, s in fields])

    def _exact(self) -> tuple[str, ...]:
        """Return the names of the states that are not quantized: counters and spikes."""
        return ()

    def _outside(self) -> tuple[str, ...]:
        """Return the names of the constants that a step reads outside of ``integrate``."""
        return ("threshold", "graded_spikes_factor")

    @overload
    def unroll(self: HasState[S], xs: Tensor, state: Any = None, *, trace: bool = False) -> tuple[Tensor, S]: ...
    @overload
    def unroll(self, xs: Tensor, state: Any = None, *, trace: bool = False) -> tuple[Tensor, Any]: ...
    def unroll(self, xs: Tensor, state: Any = None, *, trace: bool = False) -> tuple[Tensor, Any]:
        """Run all steps of a sequence; the result equals calling ``step`` in a loop.

        The state is passed in and out; states that ``init_hidden`` keeps are neither read nor changed.

        Args:
            xs: Input, ``[T, batch, ...]`` with T >= 1.
            state: State before the first step, at rest when None.
            trace: Return every step's states instead of the last one.

        Returns:
            ``(spikes, state)``: spikes ``[T, batch, ...]``; the last ``State``, or with ``trace=True`` a ``State`` of
            tensors ``[T, batch, ...]``.

        Raises:
            ValueError: If there is no time step, or a state does not fit.

        Example:
            >>> import snn_core as snn
            >>> spk, last = snn.Leaky(beta=1.0).unroll(torch.full((3, 1, 1), 0.6))
            >>> spk.flatten(), last.mem
            (tensor([0., 1., 0.]), tensor([[0.8000]]))
        """
        name = type(self).__name__
        xs = as_floating(xs, name)
        if xs.dim() == 0 or xs.shape[0] == 0:
            raise ValueError(f"{name}.unroll takes [T, batch, ...] with T >= 1, got shape {tuple(xs.shape)}")
        driven, at_rest = self.driven(xs), self.reads_spikes and is_at_rest(state)
        state = complete(self, driven.detach()[0], state)
        if self.own_step():
            rest = state if at_rest else None
            return loop(lambda x, s, _: (*self.step(x, None if s is rest else s), None), xs, state, trace)
        try:
            start, run = self._begin(state, at_rest), choice.run
            if torch.compiler.is_compiling():
                run = compiled.run
            emitted, state = run(self, driven, start, trace)
            return self.graded(emitted), state if isinstance(state, self.State) else self.State._make(state[:-1])
        except RuntimeError as error:
            must_broadcast(self, "states", self.state_shape(driven.detach()[0]), error, *self._outside())
            raise

    def own_step(self) -> str:
        """Return the reason why a sequence must call this neuron's own ``step``, or an empty string."""
        kind = type(self)
        if "step" in vars(self):
            return "step was replaced on this one neuron"
        own = kind.step is not Stepping.step and _overrides(kind, "step", than="unroll")
        return f"{kind.__name__} has a step of its own" if own else ""

    def _must_read_its_state(self, reset: str, methods: tuple[str, ...]) -> None:
        """Raise if a method of the base class would look for a state ``mem`` that does not exist."""
        inherited = [
            method for method in ("advance", *methods) if getattr(type(self), method) is getattr(Stepping, method)
        ]
        if self.State._fields and "mem" not in self.State._fields and "advance" in inherited and len(inherited) > 1:
            raise TypeError(
                f"{type(self).__name__} has no state 'mem' among {', '.join(self.State._fields)}; with "
                f"reset_mechanism={reset!r} it must define {' and '.join(methods)}"
            )


def _overrides(neuron: type, method: str, *, than: str) -> bool:
    """Return True if a subclass overrides ``method`` below the class that defines ``than``."""
    definers = [next(i for i, c in enumerate(neuron.__mro__) if name in vars(c)) for name in (method, than)]
    return definers[0] < definers[1]


def integrated(neuron: Any, x: Tensor, state: Any) -> Any:
    """Return the state that the neuron's equation computes from what the step before left."""
    try:
        new = neuron.integrate(x, state)
    except RuntimeError as error:
        must_broadcast(neuron, "input", x.shape, error)
        raise
    if not isinstance(new, neuron.State):
        if neuron.reads_spikes and isinstance(new, neuron._Carried):
            return neuron.State._make(new[:-1])
        owner, fields = type(neuron).__name__, ", ".join(neuron.State._fields)
        raise TypeError(f"{owner}.integrate must return self.State({fields}), got {type(new).__name__}")
    return new
