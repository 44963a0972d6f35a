"""Delay."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from snn_core.neuron import NonSpiking


class Delay(NonSpiking):
    r"""Delay, :math:`y(t) = x(t - \tau)`; the input before the first step was 0.

    Args:
        steps: Delay in time steps, whole numbers >= 0; a scalar, or one per neuron.
        **options: Options of :class:`~snn_core.SpikingNeuron` that do not concern spikes.

    Shape:
        input ``[batch, ...]``, output the same; the state ``past`` holds the inputs of the last steps,
        ``[batch, max(steps), ...]``, the latest first.

    Raises:
        ValueError: If a delay is negative or not a whole number.

    Example:
        >>> xs = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1).expand(3, 1, 2)
        >>> Delay(torch.tensor([0, 2])).unroll(xs)[0].squeeze(1).tolist()
        [[1.0, 0.0], [2.0, 0.0], [3.0, 1.0]]

    Source: Pedersen et al., Neuromorphic intermediate representation (2024), table 1.
    """

    class State(NamedTuple):
        """The inputs of the last steps."""

        past: Tensor

    described: ClassVar[tuple[str, ...]] = ("steps",)

    steps: Tensor

    def __init__(self, steps: Tensor, **options: Any) -> None:
        super().__init__(**options)
        if bool((steps < 0).any()) or bool((steps != steps.round()).any()):
            raise ValueError(f"Delay: steps must be whole numbers >= 0, got {steps}")
        self.register_buffer("steps", steps.to(torch.long))
        self.longest: int = int(steps.max()) if steps.numel() else 0

    def state_shape(self, x: Tensor) -> torch.Size:
        return torch.Size((x.shape[0], self.longest, *x.shape[1:]))

    def advance(self, x: Tensor, state: Any, fired: Any) -> tuple[Tensor, Any, Tensor | None]:
        known = torch.cat([x.unsqueeze(1), state.past], 1)  # [batch, steps ago, ...]
        index = self.steps.expand(x.shape).unsqueeze(1)
        return known.gather(1, index).squeeze(1), self.State(known[:, : self.longest]), None
