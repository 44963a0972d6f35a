"""Modules that take a whole sequence at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from snn_core.temporal import Temporal, as_floating

__all__ = ["WholeSequence"]


class WholeSequence(Temporal):
    """A module called with ``[T, batch, features]``, time first, in place of one step after the other."""

    sequence: Callable[..., Any]
    """Outputs ``[T, batch, ...]`` of an input ``[T, batch, features]``; a method of every class."""

    def forward(self, input_: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Run a whole sequence from rest.

        Args:
            input_: ``[T, batch, features]``.
            *args: What the class takes after it.
            **kwargs: The same, by name.

        Returns:
            What the class says, time first.

        Raises:
            ValueError: If the input has not three axes, or no time step.
        """
        name = type(self).__name__
        xs = as_floating(input_, name)
        if self._folded is not None:
            out = self.sequence(self._unfold(xs), *args, **kwargs)
            return tuple(o.flatten(0, 1) for o in out) if isinstance(out, tuple) else out.flatten(0, 1)
        if xs.dim() != 3 or xs.shape[0] == 0:
            raise ValueError(f"{name} takes a whole sequence [T, batch, features], T >= 1, got {tuple(xs.shape)}")
        return self.sequence(xs, *args, **kwargs)
