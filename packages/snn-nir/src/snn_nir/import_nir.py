"""The import with the name and calling convention of snnTorch."""

from __future__ import annotations

import os
from typing import Any

import nir
from torch import nn

from snn_nir.importing.conversion import from_nir
from snn_nir.running.graph_module import GraphModule
from snn_nir.running.signals import GraphState, Signals

__all__ = ["StateReturning", "import_from_nir"]


class StateReturning(nn.Module):
    """A graph's module that returns its state with every step, and keeps it too.

    Args:
        net: The module.

    Shape:
        input and output ``[batch, ...]``, as the graph's.

    Example:
        See :func:`import_from_nir`.
    """

    def __init__(self, net: GraphModule) -> None:
        super().__init__()
        self.net = net

    def forward(self, input_: Signals, state: GraphState | None = None) -> tuple[Signals, GraphState]:
        """Run one time step.

        Args:
            input_: ``[batch, ...]``, or a dict of them by the names of the Inputs.
            state: State before the step; None for the state kept from the last call, or for rest before the first.

        Returns:
            ``(y, state)``.

        Raises:
            ValueError: If an input does not fit the graph, or a state does not fit the input.
        """
        y, state = self.net.step(input_, self.net.kept_state() if state is None else state)
        self.net.keep_state(state)
        return y, state


def import_from_nir(graph: nir.NIRGraph | str | os.PathLike[str], **options: Any) -> StateReturning:
    """Make a module from a NIR graph, called as ``y, state = net(x)``, one time step per call.

    The attribute ``net`` is the module that :func:`~snn_nir.from_nir` makes. Its calls neither take nor return the
    state, and ``unroll`` runs it over a whole sequence.

    Args:
        graph: The graph, which is not changed, or a file.
        **options: Options of :func:`~snn_nir.from_nir`.

    Returns:
        The module.

    Raises:
        NIRError: If the graph is refused; ``.code`` says why.

    Example:
        >>> import torch
        >>> import numpy as np
        >>> one = np.ones(1, dtype=np.float32)
        >>> lif = nir.LIF(tau=1e-3 * one, r=10 * one, v_leak=0 * one, v_threshold=one)
        >>> net = import_from_nir(nir.NIRGraph.from_list(lif))
        >>> [net(torch.full((1, 1), 0.75))[0].item() for _ in range(4)]
        [0.0, 1.0, 0.0, 1.0]
    """
    return StateReturning(from_nir(graph, **options))
