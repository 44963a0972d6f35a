"""The base class of every stepping neuron: its calling convention, and the state that it keeps."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import torch
from torch import Tensor, nn

from snn_core.neuron.constant import Constant, Learn, clamped, warn
from snn_core.neuron.familiar import GONE, Familiar, OfInstance, must_not_override
from snn_core.neuron.hints import OUTPUT, must_not_pass_on
from snn_core.neuron.kept_state import kept_field, must_fit
from snn_core.neuron.own_forward import NoState, OwnForward
from snn_core.neuron.signatures import GRADED, ORDER, NeuronOptions, SteppingOptions, takes
from snn_core.neuron.temporal import as_floating, current, watched

_FORGETS = (
    "has init_hidden=False and gets no state, so it would start at rest in every step; build it with "
    "init_hidden=True, or run a lone neuron with neuron.unroll(xs)"
)


class SpikingNeuron(Familiar, OwnForward):
    r"""Base class of spiking neurons: write the equation of one step, get everything else.

    A subclass declares its ``State``, a named tuple of tensors, and ``integrate``, the equation of one time step
    without any reset; or, as in snnTorch, only a ``forward`` of its own, which runs step by step. With an equation, the
    base class does the following in every step, in this order:

    1. compute :math:`R = \Theta(U - \vartheta)` from the incoming membrane, detached from the graph,
    2. integrate, with the reset by R,
    3. quantize the states, if ``state_quant`` is set,
    4. fire, :math:`S = g\,\Theta(U' - \vartheta)`, with the surrogate's gradient,
    5. with ``reset_delay=False``, reset by the spikes of this step instead of those of the step before.

    A membrane potential equal to the threshold does not fire.

    Args:
        threshold: Membrane potential above which the neuron fires. A scalar, or one value per neuron.
        spike_grad: Surrogate gradient; ``surrogate.atan()`` when None.
        surrogate_disable: Fire without any gradient.
        init_hidden: Keep the state between calls, so that the neuron is called with its input alone.
        inhibition: Let only the neuron with the largest membrane potential along axis 1 fire and be reset.
        learn_threshold: Make the threshold a parameter.
        reset_mechanism: ``"subtract"`` the threshold, ``"zero"`` the membrane, or ``"none"``.
        state_quant: A function applied to every state in every step, such as ``functional.quant.state_quant()``, but
            not to spikes that go back or to counters of steps; or False.
        output: With ``init_hidden``, return ``(spikes, *states)`` instead of the spikes. The states, such as the
            membrane, are those that the neuron keeps, as in snnTorch: writing into one changes the next step.
        graded_spikes_factor: Amplitude g of a spike.
        learn_graded_spikes_factor: Make g a parameter.
        reset_delay: True to reset in the step after a spike, False in the same step.

    Shape:
        input ``[batch, ...]``; spikes and states the same unless the neuron's documentation differs.

    Raises:
        ValueError: If ``reset_mechanism`` is unknown, or a constant is NaN; when it is called, if a state does not fit
            the input.
        TypeError: If ``spike_grad`` or ``state_quant`` cannot be called; when it is called, if a state is passed with
            ``init_hidden=True``.

    Example:
        A neuron whose membrane leaks toward 0 by a fixed amount per step:

        >>> from typing import NamedTuple
        >>> class Linear(SpikingNeuron):
        ...     class State(NamedTuple):
        ...         mem: Tensor
        ...     def __init__(self, leak, **options):
        ...         super().__init__(**options)
        ...         self.constant("leak", leak)
        ...     def integrate(self, x, state):
        ...         return state._replace(mem=(state.mem - self.leak).clamp_min(0) + x)
        >>> spk, last = Linear(leak=0.25).unroll(torch.full((4, 1), 0.75))
        >>> spk.squeeze(1)
        tensor([0., 1., 0., 1.])
    """

    keeps_by_sample: ClassVar[bool] = True
    described: ClassVar[tuple[str, ...]] = ()  # constants that the neuron's repr shows

    _goes_on = False  # True after reset_mem(): a call without a state continues from the last call's state
    _stateless = 0  # calls without a state since the last one with a state; 2 once the neuron has warned

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in getattr(vars(cls).get("State"), "_fields", ()):
            setattr(cls, name, kept_field(name))

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "state_quant":
            if value and not callable(value):
                raise TypeError(f"{type(self).__name__}: state_quant must be a function or False, got {value!r}")
            if not isinstance(value, nn.Module):  # torch would not let it replace a module
                self._modules.pop("state_quant", None)
        elif name == "state_function":
            must_not_override(type(self), {name})
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name in GONE:
            raise AttributeError(f"{type(self).__name__}.{name} does not exist: {GONE[name]}")
        return super().__getattr__(name)

    @takes(ORDER, GRADED)
    def __init__(
        self, *args: Any, init_hidden: bool = False, output: bool = False, **options: Unpack[SteppingOptions]
    ) -> None:
        super().__init__(**options)
        self.init_hidden = init_hidden
        self.output = output

    @watched
    def forward(self, input_: Tensor, *states: Any, **named: Any) -> Any:
        """Run one time step, in the calling convention that ``init_hidden`` and ``output`` choose.

        Args:
            input_: Input of one step, ``[batch, ...]``.
            *states: With ``init_hidden=False``, the states in the order of ``State``, or by name; a state that is not
                passed starts at rest or, after a call of :meth:`reset_mem`, continues from the last call's state.
            **named: The same, by name.

        Returns:
            ``(spikes, *states)``; with ``init_hidden=True`` the spikes alone, unless ``output=True``.

        Raises:
            TypeError: If a state is passed although the neuron keeps its own, or a name is unknown; if an
                ``nn.Sequential`` would pass the returned tuple to a layer that does not take one.
            ValueError: If a state does not fit the input.
        """
        x = as_floating(input_, type(self).__name__)
        state = self.bind(states, named)
        if not self.init_hidden:
            if not states and not named:
                self._must_not_forget()
            elif self._stateless == 1:
                self._stateless = 0
            if not self._goes_on:
                return self.outputs(*self.step(x, state))
            return self.outputs(*self._kept_step(x, self._filled(state, x)))
        if any(s is not None for s in state):
            raise TypeError(
                f"{type(self).__name__} keeps its own state (init_hidden=True) and takes no state as an argument; "
                "build it with init_hidden=False to pass states"
            )
        kept = self._recall()
        if kept is not None:
            must_fit(self, kept, x)
        elif self.output:
            must_not_pass_on(self, *OUTPUT)
        spk, state = self._kept_step(x, kept)
        return self.outputs(spk, state) if self.output else spk

    def _kept_step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Run a step and keep the state; if the spikes are part of it, return a copy, as layers may overwrite them."""
        spk, state = self.step(x, state)
        self._keep(state)
        for s in state:
            if s is spk:
                return spk.clone(), state
        return spk, state

    def run_steps(self, xs: Tensor, kept: Any, trace: bool = False) -> tuple[Any, Any]:
        if kept is not None:
            must_fit(self, kept, as_floating(xs, type(self).__name__).detach()[0])
        spk, states = self.unroll(xs, kept, trace=trace or self.output)
        out = self.outputs(spk, states) if self.output else spk
        if self.output and not trace:
            states = states._make([s[-1].clone() for s in states])  # a view would keep all steps in memory
        return out, states

    def _must_not_forget(self) -> None:
        """Refuse a call without a state under ``unroll``, where each step would start at rest; else warn once."""
        watch = current()
        if watch is not None and not watch.of_run and not self._goes_on:
            raise ValueError(f"unroll: {watch.name(self)} {_FORGETS}")
        if torch.compiler.is_compiling():
            return
        if (
            self._kept is None and not self._stateless and len(self.output_names) > 1
        ):  # checked once, as it takes microseconds
            must_not_pass_on(self, "init_hidden=False", "build it with init_hidden=True")
        if self._goes_on or torch._C._are_functorch_transforms_active() or self._stateless > 1:
            return
        if self._stateless:
            warn(
                f"{type(self).__name__} {_FORGETS}; call neuron.reset_mem() before a loop that passes no state, as "
                "with snnTorch, or pass None to start at rest"
            )
        self._stateless += 1

    def forget(self) -> None:
        super().forget()
        if self.State is NoState:
            self.forget_attributes()
        if self._stateless == 1:
            self._stateless = 0

    def _filled(self, state: Any, x: Tensor) -> Any:
        """Return a state in which the fields that were not passed come from the last call."""
        for s in state:
            if s is None:
                break
        else:  # a loop, as any() would take longer than all other lines
            return state
        kept = self._recall()
        if kept is None:
            return state
        if all(s is None for s in state):
            must_fit(self, kept, x)
        return self.State._make([k if s is None else s for k, s in zip(kept, state, strict=True)])

    def bind(self, states: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Return a ``State`` from the arguments that follow the input; None for a state that was not passed."""
        fields, owner = self.State._fields, type(self).__name__
        if len(states) > len(fields):
            raise TypeError(f"{owner} takes the states {', '.join(fields)}, got {len(states)} of them")
        bound = dict(zip(fields, states, strict=False))
        for name, value in named.items():
            if name not in fields or name in bound:
                problem = "twice" if name in bound else "which it does not have"
                raise TypeError(f"{owner} got the state {name!r} {problem}; its states are {', '.join(fields)}")
            bound[name] = value
        return self.State._make([bound.get(name) for name in fields])

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the values that a call returns, in order: ``"spk"`` and the states."""
        alone = self.init_hidden and not self.output
        return ("spk", *(() if alone else (name for name in self.State._fields if name != "spk")))

    def outputs(self, spk: Tensor, state: Any) -> Any:
        """Return the result of a call: the spikes and the states."""
        return (spk, *state)

    def reset_mem(self) -> Any:
        """Go back to rest. From then on, a call without a state continues from the last state.

        Returns:
            For each state an empty tensor of shape ``(0,)``, which every call takes as "at rest"; a tuple of them if
            the neuron has more than one state.

        Example:
            >>> import snn_core as snn
            >>> snn.Synaptic(alpha=0.9, beta=0.8).reset_mem()
            (tensor([]), tensor([]))
            >>> lif = snn.Leaky(beta=1.0, reset_mechanism="none")
            >>> _ = lif.reset_mem()
            >>> for x in torch.ones(3, 1):
            ...     spk, mem = lif(x)
            >>> mem
            tensor([3.])
        """
        self.forget()
        self._goes_on = True
        empty = tuple(self._at_rest())
        return empty if len(empty) > 1 else empty[0]

    @OfInstance
    def reset_hidden(self) -> None:
        """Go back to rest, like :meth:`reset_mem`."""
        self.reset_mem()

    @OfInstance
    def detach_hidden(self) -> None:
        """Cut the kept states off the autograd graph, like ``utils.detach``."""
        self.detach_kept()

    def empty_state(self) -> Tensor:
        """Return a state at rest, for any shape of input."""
        return torch.empty(0, device=self.threshold.device)

    def _at_rest(self) -> Any:
        """Return the ``State`` of a neuron at rest."""
        return self.State._make([self.empty_state() for _ in self.State._fields])

    def extra_repr(self) -> str:
        options = [n for n in ("init_hidden", "output", "inhibition", "state_quant", "drops_input") if getattr(self, n)]
        if not self.reset_delay:
            options.append("reset_delay")
        return self._describe(*self.described, "threshold", "reset_mechanism", "spike_grad", *options)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if self._kept is not None:
            self._kept = self.State._make(self._kept)


class LIF(SpikingNeuron):
    """Base class of neurons with a membrane decay ``beta``.

    Args:
        beta: Membrane decay per step, clamped to [0, 1] where it is used; ``decay(tau, dt)`` converts seconds. A
            scalar, or one value per neuron.
        learn_beta: Make ``beta`` a parameter, which the optimizer may move out of [0, 1], where it has no gradient.
            ``"bounded"`` learns it inside (0, 1), by the logistic function of a parameter; see
            :func:`~snn_core.bounded`.

    The other options are those of :class:`~snn_core.SpikingNeuron`.
    """

    described: ClassVar[tuple[str, ...]] = ("beta",)

    beta: Tensor

    @takes(ORDER, GRADED)
    def __init__(self, beta: Constant, *args: Any, learn_beta: Learn = False, **options: Unpack[NeuronOptions]) -> None:
        if type(self) is LIF:
            raise TypeError("LIF is the base class of neurons with a membrane decay; snn.Leaky(beta) is the neuron")
        super().__init__(**options)
        self._decay("beta", beta, learn=learn_beta)

    @property
    def membrane_decay(self) -> Tensor:
        """The decay ``beta`` within [0, 1]."""
        return clamped(self.beta)
