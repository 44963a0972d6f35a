"""The export in the calling convention of snnTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nir
from torch import Tensor, nn

from snn_nir.codes import refusal
from snn_nir.exporting.export import draw
from snn_nir.exporting.settings import Settings

__all__ = ["export_to_nir"]


def export_to_nir(
    module: nn.Module,
    sample_data: Tensor,
    model_name: str = "snntorch",
    model_fwd_args: Sequence[Any] = (),
    ignore_dims: Sequence[int] = (),
) -> nir.NIRGraph:
    """Return a network as a NIR graph, with snnTorch's names, arguments and nodes.

    Each neuron is one node, ``<name>.lif``, and recurrent ones have ``<name>.w_rec`` too; one-to-one recurrence becomes
    the matrix of a ``Linear``. The step is 1e-4 s. Scalar constants are repeated for every neuron of the layer. A reset
    by subtraction is only in the metadata, with a warning; :func:`~snn_nir.to_nir` writes it as nodes that other
    simulators run too.

    Args:
        module: A module called with one time step.
        sample_data: Input of one step, ``[batch, ...]``; the batch axis does not enter the graph.
        model_name: The name to keep in the metadata of the graph.
        model_fwd_args: Further arguments of ``forward``; they do not become inputs of the graph.
        ignore_dims: Axes of the sample that do not belong to a step's shape: none or the batch, ``[0]``.

    Returns:
        The graph.

    Raises:
        NIRError: ``NIR401`` to ``NIR411``, with the module or call and the reason, if anything cannot be expressed.
        TypeError: If ``module`` is not a module or ``sample_data`` is not a tensor.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.RLeaky(0.9, linear_features=2, reset_mechanism="zero"))
        >>> sorted(export_to_nir(net, torch.zeros(1, 3), ignore_dims=[0]).nodes)
        ['0', '1.lif', '1.w_rec', 'input', 'output']
    """
    if any(axis != 0 for axis in ignore_dims):
        problem = f"ignore_dims is {list(ignore_dims)!r}, but the sample is one step [batch, ...]"
        raise refusal("NIR409", "export_to_nir", problem, "pass one time step, and [0] or nothing")
    settings = Settings(reset="compact", one_to_one="linear")
    graph = draw(module, sample_data, settings, tuple(model_fwd_args))
    graph.metadata = {"name": model_name, **graph.metadata}
    return graph
