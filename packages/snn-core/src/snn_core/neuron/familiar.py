"""The names that users of snnTorch expect on a neuron: their effect here, or what to use instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, NoReturn

from torch import Tensor

from snn_core.engines.dtypes import as_dtype
from snn_core.neuron.firing import winner
from snn_core.neuron.state_function import HOOKS, from_hooks, overridden_equation
from snn_core.neuron.stepping import Stepping
from snn_core.neuron.whole_sequence import WholeSequence

_PAGE = "docs/write-your-own-neuron.md"
GONE = {
    "instances": "there is no list of all neurons; snn.utils.reset(net) resets the neurons of one net",
    "init": "there is no list of all neurons to empty; snn.utils.reset(net) resets the neurons of one net",
    "detach_hidden": "states belong to a net; call snn.utils.detach(net)",
    "reset_hidden": "states belong to a net; call snn.utils.reset(net)",
}
_RESET = "subtract(self, state, amount) and clear(self, state, fired) define what a spike does to its neuron"
_FIRE = "a neuron fires where membrane(self, state) exceeds the threshold, and spike_grad defines the gradient"
# methods that subclasses of snnTorch's neurons override and that nothing calls here, and their replacements
_UNCALLED = {
    r"_base_(state_function|state_reset_\w+|sub|zero|int)(_hidden)?|(_build_)?state_function(_hidden)?": (
        "the equation of one step, without any reset, is integrate(self, x, state), or as in snnTorch "
        "_base_state_function(self, input_)"
    ),
    r"mem_reset": _RESET,
    r"fire|fire_inhibition": _FIRE,
    r"_init_recurrent_\w+": "set neuron.recurrent to any module, which then connects the neurons",
}


class Gone:
    """A class attribute that does not exist, whose AttributeError names what to use instead."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> NoReturn:
        raise AttributeError(f"{owner.__name__}.{self.name} does not exist: {GONE[self.name]}")


class OfInstance(Gone):
    """A method of a neuron that raises when it is looked up on a class, where it would act on all neurons."""

    def __init__(self, method: Callable[[Any], None]) -> None:
        self.method = method
        self.__doc__ = method.__doc__

    def __get__(self, instance: object, owner: type) -> Any:
        return super().__get__(instance, owner) if instance is None else self.method.__get__(instance, owner)


class Familiar(Stepping):
    """A neuron with the methods that programs for snnTorch call and override; it refuses overrides that have no effect.

    Each neuron of the package has a method like ``init_leaky()``, named after its class.
    """

    instances: ClassVar[Gone] = Gone()
    init: ClassVar[Gone] = Gone()
    _base_state_function: Any = overridden_equation  # for subclasses that override it and call that of super()
    _base_state_function_hidden: Any = overridden_equation

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if getattr(cls, "__module__", None) in (None, "builtins"):  # made by exec in a dict without a __name__
            cls.__module__ = "__main__"
        if is_of_the_core(cls):
            setattr(cls, f"init_{cls.__name__.lower()}", _init)
        users = [base for base in cls.__mro__ if not is_of_the_core(base)]
        names = {name for base in users for name, value in vars(base).items() if callable(value)}
        hooks = names.intersection(HOOKS)
        if hooks and not issubclass(cls, WholeSequence):
            first = next(base for base in cls.__mro__ if not vars(base).keys().isdisjoint(("integrate", *HOOKS)))
            if "integrate" not in vars(first):
                own: Any = cls
                own.integrate = from_hooks(cls, hooks)
        if any("integrate" in vars(base) for base in users):
            names -= hooks
        must_not_override(cls, names)

    def mem_reset(self, mem: Tensor) -> Tensor:
        """Return 1 where a membrane potential is above the threshold, so that a reset follows, else 0; no gradient.

        Args:
            mem: Membrane potential, any shape that the threshold broadcasts against.

        Returns:
            1 or 0, of the same shape and dtype.

        Example:
            >>> import torch
            >>> import snn_core as snn
            >>> snn.Leaky(beta=0.9).mem_reset(torch.tensor([0.5, 1.5]))
            tensor([0., 1.])
        """
        return as_dtype(self.spike_grad(mem - self.threshold), mem.dtype).detach()

    def fire_inhibition(self, batch_size: int, mem: Tensor) -> Tensor:
        """Return the spikes of a membrane potential if only the neuron with the largest one along axis 1 may fire.

        Args:
            batch_size: Number of samples, ``len(mem)``.
            mem: Membrane potential, ``[batch, neurons, ...]``.

        Returns:
            Spikes of the same shape and dtype.

        Raises:
            ValueError: If ``mem`` has a different number of samples, or no axis of neurons.

        Example:
            >>> import torch
            >>> import snn_core as snn
            >>> snn.Leaky(beta=0.9).fire_inhibition(1, torch.tensor([[1.5, 2.0]]))
            tensor([[0., 1.]])
        """
        if mem.shape[:1] != (batch_size,):
            raise ValueError(f"{type(self).__name__}: {batch_size=} does not match mem of shape {tuple(mem.shape)}")
        shifted = mem - self.threshold
        return self.graded(as_dtype(self.spike_grad(shifted), mem.dtype) * winner(shifted).to(mem.dtype))


def _init(neuron: Any) -> Any:
    """Forget the kept states; see :meth:`~snn_core.SpikingNeuron.reset_mem`."""
    return neuron.reset_mem()


def is_of_the_core(owner: Any) -> bool:
    """Return True for a class or function of this package or torch; code made by ``exec`` may have no module."""
    module = getattr(owner, "__module__", None) or ""
    return owner is object or module.partition(".")[0] in ("snn_core", "torch")


def must_not_override(neuron: Any, names: Iterable[str]) -> None:
    """Raise if a class overrides a method that is never called."""
    if not all(is_of_the_core(getattr(neuron, method)) for method in ("forward", "step", "advance")):
        return  # the class may call its own methods itself
    equation, *others = _UNCALLED
    patterns = others if not is_of_the_core(neuron.integrate) else [equation, *others]
    for pattern in patterns:
        matches = sorted(name for name in names if re.fullmatch(pattern, name))
        if matches:
            raise TypeError(
                f"{neuron.__name__} overrides {', '.join(matches)}, which nothing calls: {_UNCALLED[pattern]}; {_PAGE} "
                "shows how, beginning with integrate"
            )
