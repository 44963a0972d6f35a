"""One wrong size anywhere in a graph: refused where the graph comes in, and never first when it runs."""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Iterator

import nir
import numpy as np
import pytest
import torch

import snn_core as snn
from snn_nir import NIRError, check, from_nir, infer, read, write
from snn_nir.graphs.fields import PRIMITIVES

from .graphs import lif
from .whole_graphs import chain, every_primitive


def wrong_sizes(graph: nir.NIRGraph, path: str = "") -> Iterator[tuple[str, nir.NIRGraph]]:
    """The graph with each size of each parameter and of each top-level Input one larger and one smaller."""
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            for where, inner in wrong_sizes(node, f"{name}/"):
                yield where, with_node(graph, name, inner)
            continue
        fields = {} if isinstance(node, nir.Input | nir.Output | nir.Flatten) else PRIMITIVES[type(node).__name__]
        for field in (field for field, (kind, _) in fields.items() if kind == "values"):
            value = getattr(node, field)
            for shape in off_by_one(value.shape):
                changed = copy.copy(node)
                setattr(changed, field, np.resize(value, shape))
                yield f"{path}{name}.{field} {list(shape)}", with_node(graph, name, changed)
        if isinstance(node, nir.Input) and not path:
            for shape in off_by_one(tuple(node.input_type["input"])):
                yield f"{name} {list(shape)}", with_node(graph, name, nir.Input(np.array(shape)))


def off_by_one(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    for axis in range(len(shape)):
        for change in (1, -1):
            yield tuple(int(size) + change * (place == axis) for place, size in enumerate(shape))


def with_node(graph: nir.NIRGraph, name: str, node: nir.NIRNode) -> nir.NIRGraph:
    changed = copy.copy(graph)
    changed.nodes = {**graph.nodes, name: node}
    return changed


@pytest.mark.parametrize("number", range(len(every_primitive())))
def test_a_graph_with_a_wrong_size_is_refused_or_runs(number: int):
    refusals = 0
    for where, graph in wrong_sizes(every_primitive()[number]):
        errors = {finding.code for finding in check(graph) if finding.severity == "error"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NIR503: these time constants are of one step
            if errors:
                with pytest.raises(NIRError, match="node") as refusal:
                    from_nir(graph, dt=1e-4)
                assert refusal.value.code in errors & {"NIR204", "NIR206", "NIR212"}, where
                refusals += 1
                continue
            net = from_nir(graph, dt=1e-4)  # a last layer of another size, or a kernel: no contradiction
        shape = infer(graph).nodes["input"].input_type["input"]
        dtype = next((p.dtype for p in (*net.parameters(), *net.buffers()) if p.is_floating_point()), torch.float32)
        assert snn.unroll(net, torch.ones(2, 3, *shape, dtype=dtype)).isfinite().all(), where
    assert refusals > 5


@pytest.mark.parametrize("node", [nir.Linear(np.ones((4, 9))), nir.Affine(np.ones((4, 9)), np.ones(4)), lif(9)])
def test_a_first_layer_that_does_not_fit_the_input_is_refused_by_name(node: nir.NIRNode):
    graph = nir.NIRGraph(
        {"input": nir.Input(np.array([4])), "first": node, "output": nir.Output(None)},
        [("input", "first"), ("first", "output")],
        type_check=False,
    )
    message = (
        r"NIR204: edge 'input' -> 'first': shapes disagree: \[4\] where node 'first' takes \[9\]; "
        "make the sizes on both ends of the edge equal"
    )
    with pytest.raises(NIRError, match=message):
        from_nir(graph, dt=1e-4)
    assert [finding.code for finding in check(graph)] == ["NIR204"]
    file = io.BytesIO()
    graph.nodes["output"] = nir.Output(np.array([4 if not isinstance(node, nir.LIF) else 9]))
    nir.write(file, graph)
    with pytest.raises(NIRError, match=message):
        read(file)


def test_images_for_a_layer_of_as_many_numbers_are_refused():
    with pytest.raises(NIRError, match=r"\[1, 4, 4\] where node 'linear_0' takes \[16\]"):
        from_nir(chain(nir.Linear(np.ones((2, 16))), shape=(1, 4, 4)))


def flattening(start_dim: int) -> nir.NIRGraph:
    return chain(nir.Flatten({"input": None}, start_dim, -1), nir.Linear(np.ones((2, 24))), shape=(2, 3, 4))


def test_a_flatten_that_counts_the_batch_is_refused_with_the_axis_that_fits():
    message = r"NIR204: edge 'flatten_0' -> 'linear_1': .*\[2, 12\] where node 'linear_1' takes \[24\]; "
    remedy = r"NIR counts axes without the batch: in node 'flatten_0', start_dim=0 instead of 1 gives \[24\]"
    with pytest.raises(NIRError, match=message + remedy):
        from_nir(flattening(1))
    with pytest.raises(NIRError, match=r"NIR204: node 'flatten_0': .*start_dim 3 .*NIR counts axes without the batch"):
        from_nir(flattening(3))
    assert infer(flattening(0)).nodes["output"].output_type["output"].tolist() == [2]


@pytest.mark.parametrize("number", range(len(every_primitive())))
def test_a_field_that_was_taken_out_by_hand_is_named(number: int):
    graph = every_primitive()[number]
    for name, node in graph.nodes.items():
        if isinstance(node, nir.Input | nir.Output | nir.NIRGraph):
            continue
        for field, (kind, _) in PRIMITIVES[type(node).__name__].items():
            if kind == "shape" or hasattr(type(node), field):  # what has a default cannot be taken out
                continue
            changed = copy.copy(node)
            delattr(changed, field)
            broken = with_node(graph, name, changed)
            for use in (infer, from_nir, lambda g: write(g, io.BytesIO())):
                with pytest.raises(NIRError, match=f"NIR108: node '{name}': a field is missing: {field}; "):
                    use(broken)
            assert "NIR108" in [finding.code for finding in check(broken)]
