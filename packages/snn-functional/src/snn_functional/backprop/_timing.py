"""The time axis of a batch, and how it is cut into segments."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor

from snn_functional._messages import fault, must
from snn_functional._numbers import whole


class Timing(NamedTuple):
    """The time axis of a batch, and the number of steps between updates of the net."""

    num_steps: int | None  # for how many steps to show data without time; None if the data has its own
    time_first: bool  # whether time is the first axis; otherwise it is the second
    length: int | None  # steps between updates; None for all

    def sequence(self, data: Tensor) -> Tensor:
        """Return the data of a batch over time, ``[T, batch, ...]``."""
        if self.num_steps is not None:
            if data.dim() < 1 or not len(data):
                raise ValueError(must("the data of a batch", "have shape [batch, ...], not empty", tuple(data.shape)))
            return data.unsqueeze(0).expand(self.num_steps, *data.shape)
        if data.dim() < 2 or 0 in data.shape[:2]:
            expected = "[T, batch, ...]" if self.time_first else "[batch, T, ...]"
            raise ValueError(must("the data of a batch", f"have shape {expected}, not empty", tuple(data.shape)))
        return self.turned(data)

    def targets(self, targets: Tensor, number: int) -> Tensor:
        """Return the targets of every step, ``[T, batch, ...]``."""
        expected = f"[{number}, batch, ...]" if self.time_first else f"[batch, {number}, ...]"
        if targets.dim() < 2 or len(self.turned(targets)) != number:
            raise ValueError(
                must(
                    "the targets of a batch",
                    f"have shape {expected}, like the data, as criterion has time_var_targets=True",
                    tuple(targets.shape),
                )
            )
        return self.turned(targets)

    def turned(self, tensor: Tensor) -> Tensor:
        """Return a tensor with its time axis first."""
        return tensor if self.time_first else tensor.transpose(0, 1)

    def segments(self, number: int) -> list[slice]:
        """Return the steps from each update to the next one, for ``number`` steps in all."""
        length = self.length or number
        return [slice(start, min(start + length, number)) for start in range(0, number, length)]


def timing(num_steps: Any, time_var: bool, time_first: bool, K: Any) -> Timing:
    """Combine the arguments of an epoch function and check them together."""
    num_steps = None if num_steps is False else num_steps
    for name, steps in (("num_steps", num_steps), ("K", K)):
        if steps is not None:
            whole(name, steps, "a number of time steps, a positive int", least=1)
    if num_steps is not None and time_var:
        raise ValueError(
            fault(
                f"num_steps is {num_steps} with time_var=True, where the data has its own number of steps",
                "leave it out, or pass time_var=False for data without time",
            )
        )
    if num_steps is None and not time_var:
        raise ValueError(fault("num_steps is not given with time_var=False", "say for how many steps to show the data"))
    if not time_var and not time_first:
        raise ValueError(
            fault("time_first is False with time_var=False, where the data has no time axis", "leave it out")
        )
    if num_steps is not None and K is not None and num_steps < K:
        raise ValueError(must("K", f"be at most num_steps={num_steps}, as a segment has no more steps", K))
    return Timing(num_steps, bool(time_first), K)
