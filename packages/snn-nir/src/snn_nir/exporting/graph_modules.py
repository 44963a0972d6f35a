"""The export of a module that was made from a graph, with its primitives and nested graphs."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np
import torch
from torch import Tensor

from snn_core import SpikingNeuron
from snn_core.neuron import NonSpiking
from snn_nir import primitives
from snn_nir.codes import refusal
from snn_nir.exporting.drawing import Drawing, Signal, field_type, port, stored
from snn_nir.exporting.modules import draw_module, draw_neuron
from snn_nir.graphs.fields import PRIMITIVES
from snn_nir.graphs.flattening import GraphPlace
from snn_nir.graphs.metadata import node_metadata, surrogate_entries
from snn_nir.graphs.ordering import ordered
from snn_nir.running.graph_module import GraphModule
from snn_nir.running.wiring import Wired

_STAND_IN = "\0"  # stands for the input of a node while the node is drawn


def draw_graph_module(net: GraphModule, drawing: Drawing) -> torch.dtype:
    """Draw an imported graph with its cycles and the current values of its parameters; return their dtype."""
    parameters = [p for p in (*net.parameters(), *net.buffers()) if p.is_floating_point()]
    dtype = parameters[0].dtype if parameters else torch.get_default_dtype()
    values: dict[str, Any] = {}
    closing: list[tuple[str, str, str]] = []
    drawing.reserve(node.name for node in net._wiring.nodes)
    for node in net._wiring.nodes:
        shape = net._shapes[node.name]
        if node.name in net.input_names:
            values[node.name] = Signal((drawing.add(node.name, port("Input", shape)),), shape, dtype)
        elif node.name in net._taps:
            values[node.name] = values[node.sources[0]][net._taps[node.name]]
        else:
            total = _total([values[source] for source in node.sources], shape, dtype)
            values[node.name], entries = _drawn_with_entries(net, node, total, drawing)
            closing += [(source, node.name, entry) for source in node.delayed for entry in entries]
        _note_places(net, node.name, drawing)
    late: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for source, name, entry in closing:
        drawn = len(drawing.edges)
        drawing.connect(_total([values[source]], net._shapes[source], dtype), entry)
        late.setdefault((source, name), set()).update(e for e in drawing.edges[drawn:] if e[1] == entry)
        _note_places(net, name, drawing)
    order = ordered(drawing.nodes, drawing.edges, [values[name].sources[0] for name in net.input_names])
    for (source, name), edges in late.items():
        if not edges & order.closing:
            problem = "it closes a cycle, which readers would close elsewhere: the exported names sort differently"
            remedy = "rename the nodes, or import with simplify=False"
            raise refusal("NIR403", f"edge {source!r} -> {name!r}", problem, remedy)
    return dtype


def _note_places(net: GraphModule, name: str, drawing: Drawing) -> None:
    """Note the places of the nodes drawn last: the node itself, or the nodes that it became, and those before it."""
    if not net._places:
        return
    place = net._places[name]
    graphs = place.edge_end("Input")[0]
    prefix = "".join(f"{graph}." for graph in graphs)
    for new in drawing.nodes.keys() - drawing.places.keys():
        kind = type(drawing.nodes[new]).__name__
        drawing.places[new] = place if new == name else GraphPlace(graphs, new.removeprefix(prefix), kind)


def _total(parts: list[Any], shape: tuple[int, ...], dtype: torch.dtype) -> Signal:
    signals = [part[0] if type(part) is tuple else part for part in parts]
    shape = signals[0].shape if signals else shape
    return Signal(tuple(source for signal in signals for source in signal.sources), shape, dtype)


def _drawn_with_entries(net: GraphModule, node: Wired, total: Signal, drawing: Drawing) -> tuple[Any, list[str]]:
    """Draw a node, and return its value with the names of the resulting nodes that take its input."""
    passes = node.name not in net._attributes and node.name not in net.output_names  # a port of a nested graph
    if passes and not net._places and not node.delayed:
        return total, []
    value = _drawn(net, node.name, total._replace(sources=(_STAND_IN,)), drawing)
    entries = [end for start, end in drawing.edges if start == _STAND_IN]
    drawing.edges = [edge for edge in drawing.edges if edge[0] != _STAND_IN]
    for entry in entries:
        drawing.connect(total, entry)
    return value, entries


def _drawn(net: GraphModule, name: str, signal: Signal, drawing: Drawing) -> Any:
    shape, dtype = net._shapes[name], signal.dtype
    if name in net.output_names:
        drawing.add(name, port("Output", shape), signal)
        return signal
    module: Any = net[name] if name in net._attributes else None
    if module is not None:
        node = draw_primitive(module, name, drawing)
    elif net._places:
        node = port(net._places[name].kind, shape)  # an Input or Output of a nested graph
    else:
        node = nir.Scale(np.ones(shape, field_type(dtype)))  # where a cycle is closed in a flat graph
    if node is not None:
        return Signal((drawing.add(name, node, signal),), shape, dtype)
    value = torch.empty(1, *shape, dtype=dtype, device="meta")
    if not isinstance(module, SpikingNeuron):
        return draw_module(module, name, signal, value, drawing)
    names = module.output_names
    taps = (tap for tap in net._wiring.nodes if tap.name in net._taps and tap.sources[0] == name)
    used = frozenset(names[net._taps[tap.name]] for tap in taps) | {"spk"}
    ports = draw_neuron(module, name, signal, value, used, drawing)
    return tuple(ports[n] for n in names) if module.output else ports["spk"]


def nest(drawing: Drawing) -> None:
    """Move nodes into the nested graphs of their places, and the edges among them."""
    graphs: dict[tuple[str, ...], tuple[dict[str, Any], list[tuple[str, str]]]] = {(): ({}, [])}
    for name, node in drawing.nodes.items():
        place = drawing.places[name]
        for depth in range(1, len(place.graphs) + 1):
            graphs.setdefault(place.graphs[:depth], ({}, []))
        graphs[place.graphs][0][place.name] = node
    for start, end in drawing.edges:
        graph, source = drawing.places[start].edge_end("Output")
        graphs[graph][1].append((source, drawing.places[end].edge_end("Input")[1]))
    for path in sorted(graphs, key=len, reverse=True)[:-1]:
        nodes, edges = graphs[path]
        graphs[path[:-1]][0][path[-1]] = nir.NIRGraph(nodes, edges, type_check=False)
    drawing.nodes, drawing.edges = graphs[()]


_ATTRIBUTES = {"v_threshold": "threshold", "tau_mem": "tau"}


def draw_primitive(module: Any, name: str, drawing: Drawing) -> Any:
    """Return the node of a module that runs a primitive; None for any other module.

    A module made for another step keeps its decay per step: its time constants are scaled.
    """
    settings, kind = drawing.settings, type(module).__name__
    if isinstance(module, primitives.Delay):
        return nir.Delay(stored(module.steps.double()) * settings.dt)
    if isinstance(module, primitives.BatchedLinear):
        weight = stored(module.weight)
        return nir.Linear(weight) if module.bias is None else nir.Affine(weight, stored(module.bias))
    primitive: Any = getattr(primitives, kind, None)
    if type(module) is not primitive:
        return None
    if getattr(module, "method", settings.method) != settings.method:
        problem = f"it was made for method={module.method!r}, which is not the export's"
        raise refusal("NIR402", f"{name!r} ({kind})", problem, f"pass method={module.method!r}")
    stretch = settings.dt / module.dt if hasattr(module, "dt") else 1.0
    fields = {}
    for field in PRIMITIVES[kind]:
        value: Tensor = getattr(module, _ATTRIBUTES.get(field, field))
        factor = stretch if field.startswith("tau") else 1 / stretch if kind in ("I", "IF") and field == "r" else 1.0
        fields[field] = stored(value if factor == 1 else value.double() * factor, value.dtype)
    return getattr(nir, kind)(**fields, metadata=_firing_metadata(module, name, drawing))


def _firing_metadata(module: Any, name: str, drawing: Drawing) -> dict[str, Any]:
    grad = None if isinstance(module, NonSpiking) else getattr(module, "spike_grad", None)
    entries = {"class": type(module).__name__, **surrogate_entries(grad)}
    if hasattr(module, "v_reset") and module.reset_name != "zero":
        entries |= {"reset": module.reset_name, "reset_delay": module.reset_delay}
        drawing.notes.append(("NIR408", f"{name!r} ({type(module).__name__})", f"its reset {module.reset_name!r}"))
    return node_metadata(**entries)
