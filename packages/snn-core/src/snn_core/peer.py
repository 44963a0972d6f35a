"""Rules of snnTorch that differ from ours; switch them on to reproduce results published with snnTorch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

__all__ = ["Rules", "following", "rules"]


@dataclass(slots=True)
class Rules:
    """The rules of snnTorch 1.0.0 that this process follows. Each is off until it is switched on.

    Args:
        zero_reset_drops_input: The reset ``"zero"`` of Synaptic, RLeaky, RSynaptic and Lapicque, with
            ``reset_delay=True``, clears the membrane after it has taken the input of the step, so that this input is
            lost. A neuron keeps the rule that was in effect when it was made.
        silent_is_class_0: The accuracies of ``snn_functional`` count a sample without output spikes as class 0, and
            ``accuracy_temporal`` treats a silent output as one that fires in the last step.

    Raises:
        AttributeError: If a rule that does not exist is set.
        TypeError: If a rule is set to anything but True or False.

    Example:
        >>> import snn_core as snn
        >>> snn.peer.rules
        Rules(zero_reset_drops_input=False, silent_is_class_0=False)
    """

    zero_reset_drops_input: bool = False
    silent_is_class_0: bool = False

    def __setattr__(self, name: str, value: Any) -> None:
        names = [field.name for field in fields(self)]
        if name not in names:
            raise AttributeError(f"peer.rules has no rule {name!r}; the rules are {', '.join(names)}")
        if not isinstance(value, bool):
            raise TypeError(f"peer.rules.{name} must be True or False, got {value!r}")
        object.__setattr__(self, name, value)


rules: Rules = Rules()
"""The rules to follow; ``peer.rules.silent_is_class_0 = True`` applies to the rest of the program."""


@contextmanager
def following(*, zero_reset_drops_input: bool = True, silent_is_class_0: bool = True) -> Iterator[Rules]:
    """Follow snnTorch's rules inside a ``with`` block: all of them, except those that are set to False.

    Args:
        zero_reset_drops_input: See :class:`Rules`.
        silent_is_class_0: See :class:`Rules`.

    Yields:
        The rules.

    Example:
        In snnTorch, the input of the step after a spike is lost; here it is lost only under snnTorch's rule:

        >>> import torch
        >>> import snn_core as snn
        >>> with snn.peer.following():
        ...     theirs = snn.Synaptic(alpha=0.5, beta=0.5, reset_mechanism="zero")
        >>> ours = snn.Synaptic(alpha=0.5, beta=0.5, reset_mechanism="zero")
        >>> xs = torch.tensor([[1.5], [0.25]])
        >>> theirs.unroll(xs)[1].mem, ours.unroll(xs)[1].mem
        (tensor([0.]), tensor([1.]))
    """
    before = [getattr(rules, field.name) for field in fields(rules)]
    try:
        rules.zero_reset_drops_input = zero_reset_drops_input
        rules.silent_is_class_0 = silent_is_class_0
        yield rules
    finally:
        for field, value in zip(fields(rules), before, strict=True):
            setattr(rules, field.name, value)
