"""Files that are read: those of nir itself, old ones, and what they must contain."""

from __future__ import annotations

import io
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest

from snn_nir.codes import NIRError
from snn_nir.files.reading import Limits, read
from snn_nir.graphs.differences import diff
from snn_nir.graphs.shapes import infer

from .whole_graphs import chain, neurons, recurrent


def written_by_nir(graph: nir.NIRGraph, **options) -> io.BytesIO:
    file = io.BytesIO()
    nir.write(file, infer(graph), **options)
    return file


@pytest.mark.parametrize("compression", ["gzip", "lzf", 9])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_files_of_nir_are_read_unchanged(compression, dtype):
    graph = chain(*neurons(3, dtype, v_reset=-0.5), shape=(3,), metadata={"dt": 1e-4, "note": "ün"})
    file = written_by_nir(graph, compression=compression)
    assert diff(graph, read(file)) == []
    assert read(file).metadata == {"dt": 1e-4, "note": "ün"}


@pytest.mark.parametrize("compression", ["gzip", "lzf"])
@pytest.mark.parametrize("pattern", ["noise", "zeros", "ramp", "tiles"])
def test_every_kind_of_chunk_is_decompressed_as_hdf5_does(compression, pattern):
    rng = np.random.default_rng(1)
    weight = {
        "noise": rng.normal(size=(130, 170)),
        "zeros": np.zeros((130, 170)),
        "ramp": np.arange(130.0 * 170).reshape(130, 170),
        "tiles": np.tile(rng.integers(0, 9, (13, 17)), (10, 10)).astype(float),
    }[pattern]
    file = io.BytesIO()
    nir.write(file, infer(chain(nir.Linear(np.ones((130, 170))), shape=(170,))))
    with h5py.File(file, "a") as content:
        group = content["node/nodes/linear_0"]
        del group["weight"]
        group.create_dataset("weight", data=weight, chunks=(32, 64), compression=compression, shuffle=True)
    weights = read(file).nodes["linear_0"].weight
    with h5py.File(file, "r") as content:
        assert np.array_equal(weights, content["node/nodes/linear_0/weight"][()])
    assert np.array_equal(weights, weight)


@pytest.mark.parametrize("options", [{}, {"chunks": (2, 4), "compression": "gzip"}])
def test_unwritten_chunks_are_0(options):
    file = written_by_nir(chain(nir.Linear(np.ones((4, 6))), shape=(6,)))
    with h5py.File(file, "a") as content:
        del content["node/nodes/linear_0/weight"]
        weight = content.create_dataset("node/nodes/linear_0/weight", (4, 6), "f4", **options)
        if options:
            weight[0, 0] = 1.5
    assert read(file).nodes["linear_0"].weight.sum() == (1.5 if options else 0)


@pytest.mark.parametrize("options", [{}, {"chunks": (2, 4), "compression": "gzip"}])
def test_a_fill_value_in_place_of_data_is_refused(options):
    file = written_by_nir(chain(nir.Linear(np.ones((4, 6))), shape=(6,)))
    with h5py.File(file, "a") as content:
        del content["node/nodes/linear_0/weight"]
        content.create_dataset("node/nodes/linear_0/weight", (4, 6), "f4", fillvalue=0.25, **options)
    with pytest.raises(NIRError, match=r"NIR104: .*a fill value instead of data"):
        read(file)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "float16", "float32", "float64", "bool", ">f4", ">i2"])
def test_the_type_of_numbers_survives_in_native_byte_order(dtype):
    weight = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    file = written_by_nir(chain(nir.Linear(weight), shape=(3,)))
    weights = read(file).nodes["linear_0"].weight
    assert weights.dtype == np.dtype(dtype).newbyteorder("=")
    assert np.array_equal(weights, weight)


def test_a_file_from_before_v_reset_and_w_in_gets_their_defaults():
    file = written_by_nir(chain(*neurons(3, v_reset=0.5), shape=(3,)))
    with h5py.File(file, "a") as content:
        for node in content["node/nodes"].values():
            for field in ("v_reset", "w_in"):
                if field in node:
                    del node[field]
    graph = read(file)
    assert np.array_equal(graph.nodes["lif_6"].v_reset, np.zeros(3))
    assert np.array_equal(graph.nodes["cubalif_8"].w_in, np.ones(3))


def test_a_path_and_a_binary_file_give_the_same(tmp_path: Path):
    file = written_by_nir(recurrent(nested=True))
    path = tmp_path / "graph.nir"
    path.write_bytes(file.getvalue())
    assert diff(read(path), read(file)) == []
    assert diff(read(str(path)), nir.read(path)) == []


def test_a_file_with_a_user_block_is_read(tmp_path: Path):
    path = tmp_path / "graph.nir"
    with h5py.File(path, "w", userblock_size=1024) as file, h5py.File(written_by_nir(recurrent()), "r") as source:
        source.copy("node", file)
    assert diff(read(path), recurrent()) == []
    assert diff(read(io.BytesIO(path.read_bytes())), recurrent()) == []


def test_a_single_node_is_put_between_an_input_and_an_output():
    file = io.BytesIO()
    nir.write(file, nir.Threshold(np.ones(2)))
    with pytest.warns(UserWarning, match="NIR211"):
        graph = read(file)
    assert graph.edges == [("input_threshold", "threshold"), ("threshold", "output_threshold")]


def test_a_missing_path_is_an_ordinary_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nothing.nir")


def edited(edit) -> io.BytesIO:
    """A good file, changed."""
    file = written_by_nir(chain(*neurons(3), shape=(3,)))
    with h5py.File(file, "a") as content:
        edit(content)
    return file


def replace(path: str, value, **options):
    def edit(file: h5py.File) -> None:
        del file[path]
        if value is not None:
            file.create_dataset(path, data=value, **options)

    return edit


LIF = "node/nodes/lif_6"
REFUSED = {
    "no graph": (replace("node", None), "NIR102", "no group 'node'"),
    "data in place of the graph": (replace("node", 1.0), "NIR102", "expected a group, got data"),
    "no type": (replace(f"{LIF}/type", None), "NIR108", r"node 'lif_6': .*: type"),
    "no field": (replace(f"{LIF}/tau", None), "NIR108", r"node 'lif_6': .*: tau"),
    "no edges": (replace("node/edges", None), "NIR108", "graph: .*: edges"),
    "an unknown type": (replace(f"{LIF}/type", "Izhikevich"), "NIR109", r"node 'lif_6': .*'Izhikevich'; use one of"),
    "a field of the future": (
        lambda file: file.create_dataset(f"{LIF}/refractory_time", data=np.ones(3)),
        "NIR110",
        r"node 'lif_6': .*refractory_time",
    ),
    "text for numbers": (replace(f"{LIF}/tau", "long"), "NIR106", r"node 'lif_6', tau: .*text"),
    "numbers for names": (replace("node/edges", np.ones((2, 2))), "NIR106", r"edges: .*numbers of shape \(2, 2\)"),
    "edges of three": (replace("node/edges", [["a", "b", "c"]]), "NIR106", "expected a pair of names, got"),
    "no value": (replace(f"{LIF}/tau", h5py.Empty("f4")), "NIR106", "no value"),
    "complex": (replace(f"{LIF}/tau", 1j * np.ones(3)), "NIR106", "tau: .*type complex128"),
    "records": (replace(f"{LIF}/tau", np.zeros(3, [("a", "f4"), ("b", "i4")])), "NIR106", "tau"),
    "NaN": (replace(f"{LIF}/r", [1, np.nan, 1]), "NIR207", r"node 'lif_6', r: .*nan at \[1\]"),
    "infinity": (replace(f"{LIF}/v_threshold", [1, 1, np.inf]), "NIR207", r"v_threshold: .*inf at \[2\]"),
    "a negative time constant": (replace(f"{LIF}/tau", [1, -0.5, 1]), "NIR208", r"tau: .*-0\.5 at \[1\]"),
    "a time constant of 0": (replace(f"{LIF}/tau", np.zeros(3)), "NIR208", r"tau: .*0\.0 at \[0\]"),
    "a negative delay": (replace("node/nodes/delay_2/delay", -np.ones(3)), "NIR208", r"node 'delay_2', delay"),
    "shapes that multiply": (
        replace("node/nodes/cubalif_8/w_in", np.ones((200_000, 1), "f4")),
        "NIR206",
        r"w_in \[200000, 1\]",
    ),
    "other text": (replace(f"{LIF}/type", np.bytes_(b"\xff\xfe")), "NIR216", "type: .*xff"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_is_wrong_is_refused_with_code_and_place(case):
    edit, code, text = REFUSED[case]
    with pytest.raises(NIRError, match=text) as error:
        read(edited(edit))
    assert error.value.code == code


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + bytes(2000)])
def test_a_file_that_is_not_hdf5_is_refused(content: bytes, tmp_path: Path):
    path = tmp_path / "graph.nir"
    path.write_bytes(content)
    for file in (path, io.BytesIO(content)):
        with pytest.raises(NIRError, match=r"NIR1(01|11)"):
            read(file)


def test_limits_can_be_raised_and_lowered():
    file = written_by_nir(chain(nir.Linear(np.ones((40, 50))), shape=(50,)))
    assert read(file, limits=Limits(max_bytes=2**33)).nodes["linear_0"].weight.shape == (40, 50)
    with pytest.raises(NIRError, match=r"NIR105: /node/nodes/linear_0/weight: .*bytes of values from a file of"):
        read(file, limits=Limits(max_bytes=1000))
    with pytest.raises(NIRError, match=r"NIR105: .*more than 10 entries"):
        read(file, limits=Limits(max_objects=10))
    with pytest.raises(NIRError, match=r"NIR107: .*1 levels"):
        read(file, limits=Limits(max_levels=1))
