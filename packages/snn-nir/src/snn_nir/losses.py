"""What a graph does not say of the network that it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nir
import numpy as np
from torch import nn

from snn_core import SpikingNeuron
from snn_core.surrogate import Surrogate
from snn_nir.metadata import read_metadata

__all__ = ["losses"]


def losses(net: nn.Module, graph: nir.NIRGraph) -> tuple[str, ...]:
    """What is lost to a reader of the graph, found without running it.

    Args:
        net: The network.
        graph: Its graph.

    Returns:
        A line for each loss.

    Example:
        >>> import torch, warnings
        >>> import snn_core as snn, snn_nir
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     graph = snn_nir.to_nir(snn.Leaky(beta=0.9), torch.zeros(1, 2), reset="compact")
        >>> losses(snn.Leaky(beta=0.9), graph)
        ("'leaky' resets by subtraction in its metadata alone; other readers reset it to zero",)
    """
    return tuple(line for name, node in _nodes(graph, "") for line in _of_node(name, node)) + tuple(
        f"{path!r}: its surrogate gradient is a function that no file can hold"
        for path, module in net.named_modules()
        if isinstance(module, SpikingNeuron) and not isinstance(module.spike_grad, Surrogate)
    )


def _nodes(graph: nir.NIRGraph, path: str) -> Iterator[tuple[str, Any]]:
    for name, node in sorted(graph.nodes.items()):
        if isinstance(node, nir.NIRGraph):
            yield from _nodes(node, f"{path}{name}.")
        else:
            yield path + name, node


def _of_node(name: str, node: Any) -> Iterator[str]:
    said = read_metadata(node)
    for text in filter(None, str(said.get("lost", "")).split("\n")):
        yield f"{name!r}: {text}"
    if said.get("reset") == "subtract" and isinstance(node, nir.LIF | nir.IF | nir.CubaLIF):
        yield f"{name!r} resets by subtraction in its metadata alone; other readers reset it to zero"
    for field, constant in (("tau", "beta"), ("tau_mem", "beta"), ("tau_syn", "alpha")):
        if hasattr(node, field) and constant in said and bool(np.any(np.asarray(said[constant]) == 1)):
            yield f"{name!r} does not decay where {constant} is 1; in {field} it does, a little"
    if said.get("rounding"):
        yield f"{name!r}: weights are rounded by up to {said['rounding']:.3g}"
