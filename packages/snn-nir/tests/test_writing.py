"""Files that are written: read back to the last bit by us and by nir, or not written at all."""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from snn_nir.codes import NIRError
from snn_nir.files.reading import read
from snn_nir.files.writing import COMPAT, write
from snn_nir.graphs.differences import diff
from snn_nir.graphs.shapes import infer

from .whole_graphs import chain, convolutional, every_primitive, neurons, recurrent


def stored(graph: nir.NIRGraph, **options) -> io.BytesIO:
    file = io.BytesIO()
    write(graph, file, **options)
    return file


@pytest.mark.parametrize("graph", every_primitive())
def test_a_graph_comes_back_with_its_nodes_in_order(graph: nir.NIRGraph):
    again = read(stored(graph))
    assert diff(infer(graph), again) == []
    assert list(again.nodes) == list(graph.nodes)
    assert again.edges == graph.edges


@pytest.mark.parametrize("graph", [g for g in every_primitive() if "conv2d_0" not in g.nodes])
def test_nir_reads_what_we_write(graph: nir.NIRGraph):
    assert diff(infer(graph), nir.read(stored(graph))) == []


def test_nir_reads_a_convolution_that_is_not_square_without_its_own_inference():
    assert diff(infer(convolutional()), nir.read(stored(convolutional()), type_check=False)) == []


numbers = st.one_of(
    arrays.arrays(st.sampled_from(["f4", "f8", "i1", "i8", "?"]), arrays.array_shapes(min_dims=0, min_side=0)),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.booleans(),
)
text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
keys = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1).filter(
    lambda k: k != "."
)
metadata = st.recursive(
    st.dictionaries(keys, st.one_of(numbers, text, st.lists(text, min_size=1)), max_size=4),
    lambda inner: st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=150)
@given(metadata, metadata)
def test_any_metadata_comes_back(of_graph, of_node):
    graph = chain(nir.Scale(np.ones(2), metadata=of_node), shape=(2,), metadata=of_graph)
    again = read(stored(graph))
    assert diff(infer(graph), again) == []
    assert set(again.metadata) == set(of_graph)


@settings(deadline=None, max_examples=60)
@given(arrays.arrays(st.sampled_from(["f2", "f4", "f8", "i1", "i4"]), st.tuples(st.integers(0, 9), st.integers(0, 9))))
def test_any_weights_come_back_to_the_last_bit(weight):
    weight = np.nan_to_num(weight, nan=0, posinf=1, neginf=-1)
    again = read(stored(chain(nir.Linear(weight), shape=weight.shape[1:]))).nodes["linear_0"].weight
    assert again.dtype == weight.dtype
    assert again.tobytes() == weight.tobytes()


@settings(deadline=None, max_examples=60)
@given(st.lists(keys, min_size=1, max_size=6, unique=True))
def test_any_names_come_back_apart(names):
    names = [name for name in names if name not in ("input", "output") and len(name) < 200]
    nodes = {"input": nir.Input(np.array([2])), **{name: nir.Scale(np.ones(2)) for name in names}}
    nodes["output"] = nir.Output(np.array([2]))
    edges = [(start, end) for name in names for start, end in (("input", name), (name, "output"))]
    again = read(stored(nir.NIRGraph(nodes, edges or [("input", "output")], type_check=False)))
    assert list(again.nodes) == list(nodes)


def test_names_that_differ_in_a_dot_stay_apart():
    graph = chain(nir.Scale(np.array([2.0])), nir.Scale(np.array([10.0])), shape=(1,))
    graph.nodes = dict(zip(["input", "a.b", "a_b", "output"], graph.nodes.values(), strict=True))
    graph.edges = [("input", "a.b"), ("a.b", "a_b"), ("a_b", "output")]
    again = read(stored(graph))
    assert (again.nodes["a.b"].scale, again.nodes["a_b"].scale) == (2, 10)


def test_a_parameter_that_needs_gradients_is_written():
    layer = torch.nn.Linear(3, 2)
    graph = chain(nir.Affine(layer.weight, layer.bias), shape=(3,))
    assert np.array_equal(read(stored(graph)).nodes["affine_0"].bias, layer.bias.detach().numpy())


def test_two_edges_between_two_nodes_are_kept_and_announced():
    graph = chain(nir.Scale(np.ones(2)), shape=(2,))
    graph.edges.append(("input", "scale_0"))
    with pytest.warns(UserWarning, match=r"NIR210: graph, edge 'input' -> 'scale_0': .* 2 edges"):
        file = stored(graph)
    assert read(file).edges.count(("input", "scale_0")) == 2


def scale(**options):
    return chain(nir.Scale(np.ones(2), **options), shape=(2,))


def renamed(name: str) -> nir.NIRGraph:
    graph = scale()
    graph.nodes = {name if old == "scale_0" else old: node for old, node in graph.nodes.items()}
    graph.edges = [("input", name), (name, "output")]
    return graph


def deep() -> dict:
    entries: dict = {}
    for _ in range(40):
        entries = {"inner": entries}
    return entries


REFUSED = {
    "a slash": (renamed("a/b"), "NIR113", r"graph, node: .*'a/b'"),
    "an empty name": (renamed(""), "NIR113", "''"),
    "the name of the group itself": (renamed("."), "NIR113", r"'\.'"),
    "a null character": (renamed("a\0"), "NIR113", r"'a\\x00'"),
    "a lone surrogate": (renamed("\ud800"), "NIR113", "ud800"),
    "a long name": (renamed("é" * 600), "NIR113", "é"),
    "a slash in a key": (scale(metadata={"a/b": 1}), "NIR113", r"node 'scale_0', metadata: .*'a/b'"),
    "None": (scale(metadata={"a": {"b": None}}), "NIR114", r"metadata 'a' 'b': .*NoneType"),
    "an object": (scale(metadata={"a": {1, 2}}), "NIR114", "set"),
    "mixed lists": (scale(metadata={"a": ["x", 1]}), "NIR114", "values of type"),
    "unequal lists": (scale(metadata={"a": [[1], [1, 2]]}), "NIR114", "unequal parts"),
    "a number too large": (scale(metadata={"a": 2**70}), "NIR114", "values of type object"),
    "text that ends early": (scale(metadata={"a": "x\0y"}), "NIR114", "null character"),
    "deep metadata": (scale(metadata=deep()), "NIR114", "more than 16 levels"),
    "NaN": (chain(nir.Scale(np.array([np.nan])), shape=(1,)), "NIR207", "node 'scale_0', scale"),
    "a shape": (chain(nir.Scale(np.ones(3)), shape=(2,)), "NIR204", "scale_0"),
    "no Input": (nir.NIRGraph({"output": nir.Output(np.array([2]))}, [], type_check=False), "NIR203", "no Input"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_graph_leaves_the_old_file_and_nothing_else(case, tmp_path: Path):
    graph, code, message = REFUSED[case]
    path = tmp_path / "graph.nir"
    path.write_bytes(b"what was there before")
    with pytest.raises(NIRError, match=message) as error:
        write(graph, path)
    assert error.value.code == code
    assert path.read_bytes() == b"what was there before"
    assert os.listdir(tmp_path) == ["graph.nir"]


def test_a_missing_folder_is_an_ordinary_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"graph\.nir: there is no folder '.*nowhere'; make it first"):
        write(scale(), tmp_path / "nowhere" / "graph.nir")


def test_a_path_in_place_of_the_graph_is_named():
    with pytest.raises(TypeError, match=r"a graph \(nir\.NIRGraph\) and then a path, got str as the graph"):
        write("graph.nir", scale())  # the order of nir.write


def test_a_symbolic_link_stays_one_and_leads_to_the_file(tmp_path: Path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "latest.nir").symlink_to(Path("runs") / "net.nir")
    write(scale(), tmp_path / "latest.nir")
    assert (tmp_path / "latest.nir").is_symlink()
    assert [file.name for file in (tmp_path / "runs").iterdir()] == ["net.nir"]


def test_the_file_has_the_permissions_of_any_new_file(tmp_path: Path):
    write(scale(), tmp_path / "graph.nir")
    (tmp_path / "other").write_bytes(b"")
    assert (tmp_path / "graph.nir").stat().st_mode == (tmp_path / "other").stat().st_mode


# the older format


def fields_of(file: io.BytesIO | Path) -> set[str]:
    fields: set[str] = set()
    with h5py.File(file, "r") as content:
        content["node"].visit(fields.add)
    return fields


def older() -> nir.NIRGraph:
    nodes = [node for node in neurons(3) if not isinstance(node, nir.CubaLI)]
    nodes[0].metadata = {"snn_nir": {"class": "Scale", "beta": np.array([0.5, 0.25])}}
    return chain(*nodes, shape=(3,), metadata={"snn_nir": {"dt": 1e-4}, "empty": np.zeros((0, 2))})


def test_the_older_format_has_neither_v_reset_nor_metadata(tmp_path: Path):
    path = tmp_path / "graph.nir"
    write(older(), path, compat=COMPAT)
    leaves = {name.rpartition("/")[2] for name in fields_of(path)}
    assert leaves & {"v_reset", "metadata"} == set()
    with h5py.File(path) as file:
        assert file["version"][()] == b"1.0.4"


def test_a_file_bears_the_version_of_the_format_as_that_of_nir_does(tmp_path: Path):
    written, by_nir = tmp_path / "ours.nir", tmp_path / "nirs.nir"
    write(older(), written)
    nir.write(by_nir, infer(older()))
    versions = []
    for path in (written, by_nir):
        with h5py.File(path) as file:
            versions.append((file["version"][()], file["version"].shape))
    assert versions == [(nir.version.encode(), ())] * 2
    assert nir.version == importlib.metadata.version("nir")
    assert nir.serialization.read_version(written) == nir.version


def test_the_sidecar_gives_back_what_the_older_format_left_out(tmp_path: Path):
    path = tmp_path / "graph.nir"
    write(older(), path, compat=COMPAT)
    assert diff(read(path), older()) != []
    assert diff(read(path, sidecar=f"{path}.json"), infer(older())) == []
    with path.open("rb") as file:
        assert diff(read(file, sidecar=f"{path}.json"), infer(older())) == []


def test_without_metadata_there_is_no_sidecar(tmp_path: Path):
    write(chain(*neurons(3)[:7], shape=(3,)), tmp_path / "graph.nir", compat=COMPAT)
    assert os.listdir(tmp_path) == ["graph.nir"]


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (chain(*neurons(3, v_reset=-1), shape=(3,)), r"node 'if_4': .* v_reset other than 0"),
        (chain(neurons(3)[7], shape=(3,)), r"node 'cubali_0': .*CubaLI, which came with nir 1\.0\.5"),
    ],
)
def test_the_older_format_refuses_what_it_cannot_say(graph: nir.NIRGraph, message: str, tmp_path: Path):
    with pytest.raises(NIRError, match=message) as error:
        write(graph, tmp_path / "graph.nir", compat=COMPAT)
    assert error.value.code == "NIR117"
    assert os.listdir(tmp_path) == []


def test_metadata_needs_a_path_for_its_sidecar():
    with pytest.raises(NIRError, match=r"NIR117: .*write to a path"):
        stored(older(), compat=COMPAT)


def test_an_unknown_format_is_refused():
    with pytest.raises(NIRError, match=r"NIR116: compat: .*'nir<=0\.9'"):
        stored(scale(), compat="nir<=0.9")


def spoil(**entries):
    def edit(held: dict) -> None:
        held.update(entries)

    return edit


SPOILT = {
    "of another file": (spoil(sha256="0" * 64), "written for another file"),
    "of another kind": (spoil(format="something"), "written for another file"),
    "without metadata": (lambda held: held.pop("metadata"), "KeyError"),
    "of other nodes": (lambda held: held["metadata"].update(lif={"dict": {}}), "no such nodes: lif"),
    "with text for a node": (lambda held: held["metadata"].update(scale_0="x"), "no such nodes"),
    "with unequal arrays": (
        lambda held: held["metadata"].update(scale_0={"array": [[1], [1, 2]], "dtype": "f4", "shape": [2]}),
        "ValueError",
    ),
    "with objects": (
        lambda held: held["metadata"].update(scale_0={"array": [1], "dtype": "O", "shape": [1]}),
        "values of type object",
    ),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_sidecar_that_does_not_belong_is_refused(case, tmp_path: Path):
    edit, message = SPOILT[case]
    path, sidecar = tmp_path / "graph.nir", tmp_path / "graph.nir.json"
    write(older(), path, compat=COMPAT)
    held = json.loads(sidecar.read_text())
    edit(held)
    sidecar.write_text(json.dumps(held))
    with pytest.raises(NIRError, match=message) as error:
        read(path, sidecar=sidecar)
    assert error.value.code == "NIR115"


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 200_000])
def test_a_malformed_sidecar_is_refused(content: bytes, tmp_path: Path):
    path, sidecar = tmp_path / "graph.nir", tmp_path / "graph.nir.json"
    write(older(), path, compat=COMPAT)
    sidecar.write_bytes(content)
    with pytest.raises(NIRError, match="NIR115"):
        read(path, sidecar=sidecar)


def test_a_recurrent_graph_goes_through_the_older_format():
    graph = recurrent()
    assert diff(read(stored(graph, compat=COMPAT)), infer(graph)) == []
