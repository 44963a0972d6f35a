"""A module that was made of a graph, back to a graph."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import torch

from snn_core import SpikingNeuron
from snn_nir.exporting.drawing import Drawing, Signal
from snn_nir.exporting.modules import draw_module, draw_neuron
from snn_nir.exporting.primitives import draw_primitive
from snn_nir.exporting.returned import outputs_of
from snn_nir.flattening import GraphPlace
from snn_nir.graph_module import GraphModule

__all__ = ["draw_graph_module"]

_STAND_IN = "\0"  # for what a node takes, while it is drawn


def draw_graph_module(net: GraphModule, drawing: Drawing) -> torch.dtype:
    """Draw an imported graph, cycles included, with what its parameters have become.

    Args:
        net: The module.
        drawing: The graph, empty; ``drawing.places`` tells where nodes of nested graphs were.

    Returns:
        The dtype of its parameters.

    Raises:
        NIRError: If a module that was put into it cannot be drawn.

    Example:
        >>> import snn_nir
        >>> from snn_nir.exporting.settings import Settings
        >>> drawing = Drawing(Settings())
        >>> draw_graph_module(snn_nir.from_nir(nir.NIRGraph.from_list(nir.Linear(np.ones((2, 3))))), drawing)
        torch.float64
        >>> drawing.edges
        [('input', 'linear'), ('linear', 'output')]
    """
    parameters = [p for p in (*net.parameters(), *net.buffers()) if p.is_floating_point()]
    dtype = parameters[0].dtype if parameters else torch.get_default_dtype()
    values: dict[str, Any] = {}
    closing: list[tuple[str, str, str]] = []
    for node in net._wiring.nodes:
        shape = net._shapes[node.name]
        if node.name in net.input_names:
            place = drawing.add(node.name, nir.Input({"input": np.array(shape, dtype=int)}))
            values[node.name] = Signal((place,), shape, dtype)
        elif node.name in net._taps:
            values[node.name] = values[node.sources[0]][net._taps[node.name]]
        else:
            total = _total([values[source] for source in node.sources], shape, dtype)
            values[node.name], entries = _drawn_with_entries(net, node.name, total, drawing)
            closing += [(source, node.name, entry) for source in node.delayed for entry in entries]
        _note_places(net, node.name, drawing)
    for source, name, entry in closing:
        drawing.connect(_total([values[source]], net._shapes[source], dtype), entry)
        _note_places(net, name, drawing)
    return dtype


def _note_places(net: GraphModule, name: str, drawing: Drawing) -> None:
    """Note where the nodes that were drawn last belong: the node itself, those that it became, those before it."""
    if not net._places:
        return
    place = net._places[name]
    graphs = place.end[0]
    prefix = "".join(f"{graph}." for graph in graphs)
    for new in drawing.nodes.keys() - drawing.places.keys():
        kind = type(drawing.nodes[new]).__name__
        drawing.places[new] = place if new == name else GraphPlace(graphs, new.removeprefix(prefix), kind)


def _total(parts: list[Any], shape: tuple[int, ...], dtype: torch.dtype) -> Signal:
    signals = [part[0] if type(part) is tuple else part for part in parts]
    shape = signals[0].shape if signals else shape
    return Signal(tuple(source for signal in signals for source in signal.sources), shape, dtype)


def _drawn_with_entries(net: GraphModule, name: str, total: Signal, drawing: Drawing) -> tuple[Any, list[str]]:
    """A node drawn, and which of the nodes that it became take its input."""
    if name not in net._attributes and name not in net.output_names and not net._places:
        return total, []  # an Input or Output of a nested graph
    value = _drawn(net, name, total._replace(sources=(_STAND_IN,)), drawing)
    entries = [end for start, end in drawing.edges if start == _STAND_IN]
    drawing.edges = [edge for edge in drawing.edges if edge[0] != _STAND_IN]
    for entry in entries:
        drawing.connect(total, entry)
    return value, entries


def _drawn(net: GraphModule, name: str, signal: Signal, drawing: Drawing) -> Any:
    shape, dtype = net._shapes[name], signal.dtype
    if name in net.output_names:
        drawing.add(name, nir.Output({"output": np.array(shape, dtype=int)}), signal)
        return signal
    if name not in net._attributes:
        kind = net._places[name].kind  # Input or Output of a nested graph
        port = getattr(nir, kind)({kind.lower(): np.array(shape, dtype=int)})
        return Signal((drawing.add(name, port, signal),), shape, dtype)
    module: Any = net[name]
    primitive = draw_primitive(module, name, drawing)
    value = torch.empty(1, *shape, dtype=dtype, device="meta")
    if primitive is not None:
        return Signal((drawing.add(name, primitive, signal),), shape, dtype)
    if not isinstance(module, SpikingNeuron):
        return draw_module(module, name, signal, value, drawing)
    names = outputs_of(module)
    wanted = frozenset(names[place] for tap, place in net._taps.items() if _source(net, tap) == name) | {"spk"}
    ports = draw_neuron(module, name, signal, value, wanted, drawing)
    return tuple(ports[n] for n in names) if module.output else ports["spk"]


def _source(net: GraphModule, tap: str) -> str:
    return next(node.sources[0] for node in net._wiring.nodes if node.name == tap)
