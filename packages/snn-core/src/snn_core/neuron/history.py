"""Modules whose output depends on the last steps of their input."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from snn_core.neuron.constant import must_be_a_count
from snn_core.neuron.temporal import Temporal, as_floating, watched


class History(Temporal):
    """A module that keeps the inputs of its last ``max_delay`` steps, zero before the first one.

    A subclass defines :meth:`over`, which computes any number of steps from their inputs and those before them.
    """

    keeps_by_sample: ClassVar[bool] = True
    may_run_on: ClassVar[bool] = True

    def __init__(self, max_delay: int) -> None:
        super().__init__()
        must_be_a_count(f"{type(self).__name__}: max_delay", max_delay, of="steps")
        self.max_delay: int = int(max_delay)

    def over(self, window: Tensor) -> Tensor:
        """Return the outputs ``[steps, batch, ...]`` of a window of inputs ``[max_delay + steps, batch, ...]``."""
        raise NotImplementedError(f"{type(self).__name__} must define over(self, window)")

    @watched
    def forward(self, input_: Tensor) -> Tensor:
        """Compute one step from its input and the kept inputs of the steps before.

        Args:
            input_: Input of one step, ``[batch, ...]``.

        Returns:
            The output of that step.

        Raises:
            ValueError: If the input does not fit, or belongs to a different batch than the kept inputs.
        """
        return self.run_one(as_floating(input_, type(self).__name__))

    def sequence(self, xs: Tensor) -> Tensor:
        """Compute a whole sequence ``[T, batch, ...]`` from rest; kept inputs are neither read nor changed."""
        return self.run_steps(xs, None)[0]

    def run_steps(self, xs: Tensor, kept: Any, trace: bool = False) -> tuple[Tensor, Any]:
        xs = as_floating(xs, type(self).__name__)
        window = torch.cat((self._before(kept, xs), xs))
        if trace:
            return self.over(window), (window[1:].unfold(0, self.max_delay, 1).movedim(-1, 2),)
        last = window[-self.max_delay :]
        # a view after one step, as a loop would copy everything twice; after many steps, it would keep all of them
        return self.over(window), ((last if xs.shape[0] == 1 else last.clone()).transpose(0, 1),)

    def _before(self, kept: Any, xs: Tensor) -> Tensor:
        """Return the inputs of the previous steps, ``[max_delay, batch, ...]``."""
        if kept is None:
            return xs.new_zeros((self.max_delay, *xs.shape[1:]))
        before = kept[0].transpose(0, 1)
        if (before.shape[1:], before.dtype, before.device) != (xs.shape[1:], xs.dtype, xs.device):
            raise ValueError(
                f"{type(self).__name__} keeps inputs of shape {tuple(before.shape[1:])} ({before.dtype}, "
                f"{before.device}) from its last calls, but this one is {tuple(xs.shape[1:])} ({xs.dtype}, "
                f"{xs.device}); call snn.utils.reset(net) before a new batch or sequence"
            )
        return before
