"""The export of a network as a NIR graph."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
from torch import Tensor, nn

from snn_nir.codes import announce, refusal
from snn_nir.exporting.drawing import Drawing
from snn_nir.exporting.graph_modules import draw_graph_module, nest
from snn_nir.exporting.recording import record
from snn_nir.exporting.settings import Settings
from snn_nir.exporting.values import draw_values
from snn_nir.graphs.metadata import graph_metadata
from snn_nir.graphs.shapes import infer
from snn_nir.running.graph_module import GraphModule


def to_nir(
    net: nn.Module,
    sample: Tensor | tuple[Tensor | None, ...],
    *,
    dt: float = 1e-4,
    method: str = "euler",
    on_unsupported: str = "error",
    reset: str = "decomposed",
) -> nir.NIRGraph:
    r"""Return a network as a graph of the Neuromorphic Intermediate Representation.

    The graph computes what the network computes in evaluation mode, one time step after another, from rest. A decay
    per step becomes a time constant, :math:`\tau = \Delta t / (1 - \beta)` (``"euler"``) or
    :math:`-\Delta t / \ln\beta` (``"exact"``), with :math:`r = 1 / (1 - \beta)` so that input is not scaled. The
    metadata keeps what NIR has no field for; a graph is complete without it, except with ``reset="compact"``.

    States that ``forward`` takes and returns belong to the nodes and are not inputs or outputs of the graph. A loop
    over time in ``forward`` becomes one step of it: each neuron must get the states that it returned in the previous
    step, and the values of all steps must be stacked. A module made by :func:`~snn_nir.from_nir` becomes its graph
    again; if it was made with ``simplify=False``, node by node and with its nested graphs.

    Args:
        net: A module called with one time step. Its neurons keep their state, or receive it as an argument.
        sample: Input of one step, ``[batch, ...]``; a tuple for several inputs; ``[T, batch, ...]`` if ``forward``
            takes its steps one after another. Only shapes and dtypes matter.
        dt: Time step in seconds.
        method: ``"euler"`` as most simulators interpret time constants, or ``"exact"``.
        on_unsupported: For an option that NIR cannot express: ``"error"``; ``"drop"`` it, with a warning; or drop it
            and note it in the ``"metadata"``. A module that NIR cannot express is left out only if it keeps the shape.
        reset: Reset by subtraction ``"decomposed"`` into nodes that do it in every simulator, or ``"compact"``: one
            node, which resets to zero for readers that ignore the metadata.

    Returns:
        The graph, with every shape inferred. Node names are the paths of the modules.

    Raises:
        NIRError: ``NIR401`` to ``NIR411``, with the module or call and the reason, if anything cannot be expressed.
        TypeError: If ``net`` is not a module or ``sample`` is not a tensor.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.9, reset_mechanism="zero", init_hidden=True))
        >>> graph = to_nir(net, torch.zeros(1, 3))
        >>> sorted(graph.edges)
        [('0', '1'), ('1', 'output'), ('input', '0')]
        >>> graph.nodes["1"].tau.round(6)
        array([0.001, 0.001], dtype=float32)

    Source: Pedersen et al., Neuromorphic Intermediate Representation (2024).
    """
    return draw(net, sample, Settings(dt, method, on_unsupported, reset))


def draw(net: nn.Module, sample: Any, settings: Settings, extra: tuple[Any, ...] = ()) -> nir.NIRGraph:
    """Return the graph of a network for given settings, called with ``extra`` arguments; see :func:`to_nir`."""
    samples = checked_samples(net, sample)
    drawing = Drawing(settings)
    if isinstance(net, GraphModule):
        dtype = draw_graph_module(net, drawing)
    else:
        dtype = draw_values(record(net, samples, extra), drawing, samples)
    drawing.prune()
    for name, node in drawing.nodes.items():
        _check_finite(name, node)
    if drawing.places:
        nest(drawing)
    metadata = graph_metadata(settings.dt, settings.method, str(dtype).removeprefix("torch."))
    graph = infer(nir.NIRGraph(drawing.nodes, drawing.edges, metadata=metadata, type_check=False))
    for note in drawing.notes:
        announce(*note)
    return graph


def checked_samples(net: Any, sample: Any, by: str = "to_nir") -> tuple[Tensor | None, ...]:
    """Return a sample as a tuple, and refuse anything but a module and tensors with a batch axis and one more."""
    if not isinstance(net, nn.Module):
        raise TypeError(f"{by} takes a net (nn.Module), got {type(net).__name__}")
    samples = sample if isinstance(sample, tuple) else (sample,)
    for item in samples:
        if not isinstance(item, Tensor | None):
            raise TypeError(f"{by} takes a sample [batch, ...] or a tuple of them, got {type(item).__name__}")
    if not samples or samples[0] is None or samples[0].dim() < 2:
        shape = tuple(samples[0].shape) if samples and samples[0] is not None else None
        raise refusal("NIR405", by, f"the first input has shape {shape}, with no axis but the batch")
    return samples


def _check_finite(name: str, node: Any) -> None:
    for field, value in vars(node).items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and not np.isfinite(value).all():
            raise refusal("NIR207", f"node {name!r}", f"its {field}")
