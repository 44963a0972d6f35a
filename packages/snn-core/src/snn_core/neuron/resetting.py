"""The effect of spikes on the next step: the reset, and the last spikes where an equation contains them."""

from __future__ import annotations

from collections import namedtuple
from typing import Any, ClassVar, Literal

from torch import Tensor

from snn_core.neuron.firing import Firing

ResetMechanism = Literal["subtract", "zero", "none"]


class Reset:
    """The effect of a spike on the state of its neuron.

    A delayed reset (the default) acts with the spikes of the previous step, before or after the equation. An immediate
    one acts after the equation, with the spikes of this step.
    """

    uses: tuple[str, ...] = ()  # the neuron's methods that define the effect of a spike; none if it has no effect

    def comes_first(self, neuron: Any) -> bool:
        """Return True if the delayed reset acts ahead of the equation."""
        return False

    def act(self, neuron: Any, state: Any, fired: Tensor) -> Any:
        """Return a state in which the neurons that ``fired`` are reset."""
        return state


class Subtract(Reset):
    """A reset that lowers the membrane by the threshold."""

    uses: tuple[str, ...] = ("subtract",)

    def act(self, neuron: Any, state: Any, fired: Tensor) -> Any:
        return neuron.subtract(state, fired * neuron.threshold)


class Zero(Reset):
    """A reset that clears the membrane, before the step's input arrives if the neuron ``clears_first``."""

    uses: tuple[str, ...] = ("clear",)

    def comes_first(self, neuron: Any) -> bool:
        return neuron.clears_first and not neuron.zero_drops_input

    def act(self, neuron: Any, state: Any, fired: Tensor) -> Any:
        return neuron.clear(state, fired)


class NoReset(Reset):
    """A reset that does nothing."""


RESETS: dict[ResetMechanism, Reset] = {
    "subtract": Subtract(),
    "zero": Zero(),
    "none": NoReset(),
}  # in the order of their codes


class Resetting(Firing):
    r"""A neuron that spikes reset, and whose equation may contain :math:`S[t-1]`, the spikes of the step before.

    These spikes follow from the state that the step before left, so they are not part of it. A sequence may also pass
    them on beside the state, as the last field of ``_Carried``. The first step from rest has no step before it:
    :math:`S[0]` is a constant, without the surrogate's gradient.
    """

    State: ClassVar[Any]
    _Carried: ClassVar[Any]  # the State, with a field "fired" after its own if the equation reads spikes
    clears_first: ClassVar[bool] = True  # reset "zero": clear the membrane, then integrate the step's input
    peer_clears_last: ClassVar[bool] = False  # True if snnTorch clears it after the input, which is then lost
    resets: ClassVar[bool] = True  # False for neurons whose equation has no reset
    reads_spikes: ClassVar[bool] = False  # True if integrate calls last_spikes; the equation then contains the reset
    reset_dict: ClassVar[dict[str, int]] = {name: code for code, name in enumerate(RESETS)}  # of reset_mechanism_val

    reset_delay: bool
    reset_mechanism_val: Tensor
    zero_drops_input: bool = False  # snnTorch's rule, if it was on when the neuron was made

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if hasattr(getattr(cls, "State", None), "_fields"):
            cls._Carried = cls.carrying(cls.State)

    @classmethod
    def carrying(cls, state: Any) -> Any:
        """Return the class of what a sequence passes on, given the class of the state."""
        return namedtuple("Carried", [*state._fields, "fired"]) if cls.reads_spikes else state

    def last_spikes(self, state: Any) -> Tensor:
        r"""Return :math:`S[t-1]` for ``integrate``, with its surrogate gradient unless no step came before."""
        return self._crossing(self.membrane(state)) if isinstance(state, self.State) else state.fired

    def subtract(self, state: Any, amount: Tensor) -> Any:
        """Return ``state`` with its membrane lowered by ``amount``."""
        return state._replace(mem=state.mem - amount)

    def clear(self, state: Any, fired: Tensor) -> Any:
        """Return ``state`` with its membrane at 0 where ``fired`` is 1."""
        return state._replace(mem=state.mem * (1 - fired))

    @property
    def reset_mechanism(self) -> ResetMechanism:
        """``"subtract"``, ``"zero"`` or ``"none"``; setting it changes what the next step does."""
        return self._reset_mechanism

    @reset_mechanism.setter
    def reset_mechanism(self, name: ResetMechanism) -> None:
        if name not in RESETS:
            raise ValueError(f"{type(self).__name__}: reset_mechanism must be one of {', '.join(RESETS)}, got {name!r}")
        reset = RESETS[name if self.resets else "none"]
        self._must_read_its_state(name, ("membrane", *reset.uses))
        self._reset_mechanism = name
        self._reset = reset
        self.reset_mechanism_val.fill_(self.reset_dict[name])

    def _must_read_its_state(self, reset: str, methods: tuple[str, ...]) -> None:
        """Raise if a method would look for a state that does not exist."""
        raise NotImplementedError

    @property
    def reset_name(self) -> ResetMechanism:
        """The reset that acts: ``reset_mechanism``, or ``"none"`` where the equation has no reset."""
        return self._reset_mechanism if self.resets else "none"

    @property
    def drops_input(self) -> bool:
        """True if a reset to zero also clears the input of its step, as in snnTorch; see :mod:`snn_core.peer`."""
        return self.zero_drops_input and self.reset_delay and self.reset_name == "zero"

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
        if prefix + "reset_mechanism_val" in state_dict:
            code = int(state_dict[prefix + "reset_mechanism_val"])
            if not 0 <= code < len(RESETS):
                raise ValueError(f"{prefix}reset_mechanism_val must be 0, 1 or 2, got {code} in this state_dict")
            self.reset_mechanism = list(RESETS)[code]


def is_at_rest(state: Any) -> bool:
    """Return True for None, or a state whose fields are all None or of shape ``(0,)``: no step came before."""
    if not isinstance(state, tuple):
        return state is None
    return all(s is None or (isinstance(s, Tensor) and s.shape == (0,)) for s in state)
