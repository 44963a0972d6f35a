"""What goes from one time step of a graph into the next."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from torch import Tensor

from snn_core.neuron.temporal import Temporal

__all__ = ["Carried", "GraphState"]


class GraphState(NamedTuple):
    """State of a graph: the ``State`` of each node that has one, and what the nodes at closing edges sent out last."""

    nodes: dict[str, Any]
    carried: dict[str, Tensor]


class Carried(Temporal):
    """Outputs of some nodes in the last time step, kept as neurons keep their states.

    Example:
        >>> import torch
        >>> carried = Carried()
        >>> carried.write((torch.ones(2),))
        >>> carried.read()
        (tensor([1., 1.]),)
        >>> carried.forget()
        >>> carried.read() is None
        True
    """

    keeps_by_sample: ClassVar[bool] = True

    def read(self) -> tuple[Tensor, ...] | None:
        """What was written in the last step; None at rest."""
        return self._recall()

    def write(self, values: tuple[Tensor, ...]) -> None:
        """Keep values for the next step."""
        self._keep(values)
