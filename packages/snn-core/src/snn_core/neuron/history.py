"""Modules whose output depends on the last steps of their input."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from snn_core.neuron.constant import must_be_a_count
from snn_core.neuron.temporal import Temporal, as_floating, watched
from snn_core.sequence.folding import Folding


class History(Temporal):
    """A module that keeps the inputs of its last ``max_delay`` steps, zero before the first one.

    A subclass defines :meth:`over`, which computes any number of steps from their inputs and those before them.
    """

    keeps_by_sample: ClassVar[bool] = True

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
        return self.run_rows(input_, Folding(1))

    def sequence(self, xs: Tensor) -> Tensor:
        """Compute a whole sequence ``[T, batch, ...]`` from rest; kept inputs are neither read nor changed."""
        xs = as_floating(xs, type(self).__name__)
        return self.over(torch.cat((self._before(None, xs), xs)))

    def run_rows(self, rows: Tensor, folding: Folding) -> Tensor:
        xs = folding.unfold(as_floating(rows, type(self).__name__))
        window = torch.cat((self._before(self._recall(), xs), xs))
        out = self.over(window)
        self._keep((self._left(window, folding),))
        return folding.fold(out)

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

    def _left(self, window: Tensor, folding: Folding) -> Tensor:
        """Return the last inputs of each sample, ``[batch, max_delay, ...]``."""
        if folding.order is None:
            last = window[-self.max_delay :]
            # a view after one step, as a loop would copy everything twice; after many steps, it would keep all of them
            return (last if folding.steps == 1 else last.clone()).transpose(0, 1)
        windows = window.unfold(0, self.max_delay, 1).movedim(-1, 2)  # [1 + steps, batch, max_delay, ...]
        return folding.at_end(windows[1:], windows[0])
