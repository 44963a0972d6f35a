"""The masks of dropout layers, drawn into one memory of all steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snn_core.engines.draws import drawing
from snn_core.graph.steps import Function, Mask, Ones, Pass, Step


class Masks:
    """The numbers by which a dropout multiplies its input in all steps.

    They are those that dropout draws for each step by itself, without the tensors that each of its calls makes.

    Args:
        form: The form of the input in one step.
        p: The probability that a number is zero, in (0, 1).
        samples: The number of samples in a step.
        steps: The number of steps.
    """

    def __init__(self, form: Ones, p: float, samples: int, steps: int) -> None:
        shape = [samples if size is None else size for size in form.shape]
        # every step lies in memory as its input does, since numbers are drawn in the order of memory
        inner = [shape[axis] for axis in form.order]
        self._memory = memory = torch.empty((steps, *inner), dtype=form.dtype, device=form.device)
        self._steps = memory.permute(0, *(1 + form.order.index(axis) for axis in range(len(shape))))
        self._share = 1 - p
        self._kernel = drawing(memory[0])

    @classmethod
    def of(cls, step: Step, run: Pass, samples: int, steps: int) -> Masks | None:
        """Return the masks of a step; None if it must be called to know its numbers."""
        form, p = _form_and_p(step, run)
        if form is None or not 0 < p < 1 or form.device.type != "cpu" or not form.dtype.is_floating_point:
            return None
        return cls(form, p, samples, steps)

    def draw(self, time: int) -> None:
        """Draw the numbers of the next step."""
        if self._kernel is None:
            self._steps[time].bernoulli_(self._share)
        else:
            self._kernel.bernoulli_(self._memory[time], self._share)

    def finished(self) -> Tensor:
        """Return the masks of all steps ``[T, ...]``, once all are drawn."""
        return self._steps.div_(self._share)


def _form_and_p(step: Step, run: Pass) -> tuple[Ones | None, float]:
    module: Any = run.modules[step.path]
    if isinstance(step.compute, Mask) and type(module) is nn.Dropout:
        return step.args[0], module.p
    if step.compute in _DROPOUTS:
        form, p, _ = step.args
        return form, p
    return None, 0.0


_DROPOUTS = Function(F.dropout), Function(torch.dropout)
