"""The ``snn nir`` command, on files."""

from __future__ import annotations

import io
import json
from pathlib import Path

import nir
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snn_nir.commands import main
from snn_nir.files.reading import read
from snn_nir.files.writing import write
from snn_nir.graphs.differences import diff
from snn_nir.graphs.shapes import infer

from .whole_graphs import chain, neurons, recurrent


@pytest.fixture
def path(tmp_path: Path) -> str:
    lif = nir.LIF(*(np.full(2, value, "f4") for value in (1e-3, 10.0, 0.0, 1.0)))
    graph = chain(nir.Linear(np.ones((2, 3), "f4")), lif, shape=(3,))
    write(graph, tmp_path / "graph.nir")
    return str(tmp_path / "graph.nir")


@pytest.fixture
def broken(tmp_path: Path) -> str:
    nir.write(tmp_path / "broken.nir", nir.Threshold(np.ones(2)))
    return str(tmp_path / "broken.nir")


def test_without_a_command_it_lists_all_commands(capsys):
    assert main([]) == 0
    output = capsys.readouterr().out
    assert all(word in output for word in ("check", "show", "run", "diff", "convert"))


def test_check(path: str, capsys):
    assert main(["check", path]) == 0
    assert capsys.readouterr().out == "nothing found\n"
    assert main(["check", path, "--profile", "rockpool"]) == 1
    assert capsys.readouterr().out.startswith("error NIR218: rockpool 3.1.0, lif_1: refuses: ")
    assert main(["check", path, "--profile", "sinabs", "--json"]) == 0
    assert [entry["severity"] for entry in json.loads(capsys.readouterr().out)] == ["warning", "warning"]


def test_show(path: str, capsys):
    assert main(["show", path]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["linear_0", "Linear"]
    assert main(["show", path, "--mermaid"]) == 0
    assert capsys.readouterr().out.startswith("flowchart LR\n")


def test_run_counts_the_spikes_of_a_given_input(path: str, tmp_path: Path, capsys):
    """v' = 0.9 v + 3: it fires in every step."""
    np.save(tmp_path / "input.npy", np.ones((5, 1, 3), "f4"))
    out = tmp_path / "out.npz"
    assert main(["run", path, "--input", str(tmp_path / "input.npy"), "--output", str(out)]) == 0
    assert capsys.readouterr().out == "output: 5 steps of shape [2], 10 spikes\n"
    assert np.array_equal(np.load(out)["output"], np.ones((5, 1, 2)))


def test_run_makes_its_own_input_from_a_seed(path: str, capsys):
    assert main(["run", path, "--steps", "50", "--rate", "0.2", "--seed", "3"]) == 0
    first = capsys.readouterr().out
    assert main(["run", path, "--steps", "50", "--rate", "0.2", "--seed", "3"]) == 0
    assert capsys.readouterr().out == first
    assert first.startswith("output: 50 steps of shape [2], ")
    assert main(["run", path, "--rate", "0"]) == 0
    assert capsys.readouterr().out == "output: 100 steps of shape [2], 0 spikes\n"


def test_run_of_a_membrane_tells_its_range(tmp_path: Path, capsys):
    write(chain(nir.I(np.full(1, 2.0)), shape=(1,)), tmp_path / "sum.nir")
    np.save(tmp_path / "input.npy", np.ones((3, 1, 1)))
    assert main(["run", str(tmp_path / "sum.nir"), "--input", str(tmp_path / "input.npy"), "--dt", "1"]) == 0
    assert capsys.readouterr().out == "output: 3 steps of shape [1], between 2 and 6\n"


def test_assumptions_are_printed_to_stderr(tmp_path: Path, capsys):
    write(chain(nir.IF(np.ones(1), np.ones(1)), shape=(1,)), tmp_path / "if.nir")
    assert main(["run", str(tmp_path / "if.nir")]) == 0
    assert capsys.readouterr().err.startswith("warning NIR501: ")


def test_diff(path: str, tmp_path: Path, capsys):
    graph = read(path)
    graph.nodes["lif_1"].tau = graph.nodes["lif_1"].tau * 2
    write(graph, tmp_path / "other.nir")
    assert main(["diff", path, path]) == 0
    assert capsys.readouterr().out == "the graphs are equal\n"
    assert main(["diff", path, str(tmp_path / "other.nir")]) == 1
    assert capsys.readouterr().out == "lif_1: tau: 2 of 2 values differ, by up to 0.001\n"


def test_convert_repairs_and_says_so(broken: str, tmp_path: Path, capsys):
    to = str(tmp_path / "to.nir")
    assert main(["convert", broken, to]) == 0
    output = capsys.readouterr()
    assert output.out == f"written: {to}\n"
    assert [line[:15] for line in output.err.splitlines()] == ["warning NIR211:"] * 2
    assert list(read(to).nodes) == ["threshold", "input_threshold", "output_threshold"]


def test_convert_to_the_older_format_and_back(tmp_path: Path):
    graph = recurrent()
    graph.metadata = {"a": 1}
    write(graph, tmp_path / "new.nir")
    names = [str(tmp_path / name) for name in ("new.nir", "old.nir", "again.nir")]
    assert main(["convert", *names[:2], "--compat", "nir<=1.0.4"]) == 0
    assert main(["convert", *names[1:], "--sidecar", f"{names[1]}.json"]) == 0
    assert diff(read(names[2]), infer(graph)) == []


@pytest.mark.parametrize("words", [["show"], ["check"], ["run"]])
def test_a_refused_file_is_one_line_on_stderr(words: list[str], tmp_path: Path, capsys):
    (tmp_path / "x.nir").write_bytes(b"hello")
    assert main([*words, str(tmp_path / "x.nir")]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"snn nir {words[0]}: NIR101: ")
    assert main([*words, str(tmp_path / "none.nir")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_a_failed_write_leaves_nothing(tmp_path: Path, capsys):
    write(chain(*neurons(3, v_reset=-1), shape=(3,)), tmp_path / "new.nir")
    old = tmp_path / "old.nir"
    assert main(["convert", str(tmp_path / "new.nir"), str(old), "--compat", "nir<=1.0.4"]) == 1
    assert "NIR117" in capsys.readouterr().err
    assert not old.exists()


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (np.ones((5, 1, 4)), "expected shape [T, batch, 3] with T at least 1, got [5, 1, 4]"),
        (np.ones(3), "expected shape [T, batch, 3] with T at least 1, got [3]"),
        (np.ones((0, 1, 3)), "with T at least 1"),
        (np.full((5, 1, 3), 1j), "real numbers"),
        (np.array([{}]), "allow_pickle=False"),
        (np.ones((5, 1, 3), np.longdouble), "longdouble; save it as float64"),
        (np.ones((5, 1, 3), "M8[s]"), "real numbers"),
    ],
)
def test_input_that_does_not_fit_is_refused(array: np.ndarray, complaint: str, path: str, tmp_path: Path, capsys):
    np.save(tmp_path / "input.npy", array, allow_pickle=True)
    assert main(["run", path, "--input", str(tmp_path / "input.npy")]) == 1
    assert complaint in capsys.readouterr().err


def as_bytes(save, *arrays, **named) -> bytes:
    file = io.BytesIO()
    save(file, *arrays, **named)
    return file.getvalue()


WHOLE = [
    as_bytes(np.save, np.ones((5, 1, 3), "f4")),
    as_bytes(np.save, np.ones((2, 2, 3), "i2")),
    as_bytes(np.savez, a=np.ones((5, 1, 3))),
]


@st.composite
def mutated(draw) -> bytes:
    """A file of which a part is missing, or some bytes are others."""
    content = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(0, 3))):
        content[draw(st.integers(0, min(len(content), 140) - 1))] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content)


@settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=st.one_of(st.binary(max_size=200), st.binary().map(b"\x93NUMPY".__add__), mutated()))
def test_one_line_is_printed_whatever_the_input_is(content: bytes, path: str, tmp_path: Path, capsys):
    (tmp_path / "input.npy").write_bytes(content)
    capsys.readouterr()
    code = main(["run", path, "--input", str(tmp_path / "input.npy")])
    printed = capsys.readouterr()
    assert code in (0, 1)
    assert [len(printed.out.splitlines()), len(printed.err.splitlines())] == [1 - code, code]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY", b"\x93NUMPY\x09\x00", WHOLE[0][:100], WHOLE[2]])
def test_a_file_without_an_array_is_named(content: bytes, path: str, tmp_path: Path, capsys):
    file = tmp_path / "input.npy"
    file.write_bytes(content)
    assert main(["run", path, "--input", str(file)]) == 1
    assert capsys.readouterr().err.startswith(f"snn nir run: {file}: ")


@pytest.mark.parametrize("dtype", [">f4", ">f8", ">i2", ">u4", "<f2", "?", "u1", "<u8"])
def test_numbers_of_every_width_and_order_of_bytes_are_taken(dtype: str, path: str, tmp_path: Path, capsys):
    xs = np.arange(3 * 2 * 3).reshape(3, 2, 3) % 3
    printed = []
    for kind in ("f8", dtype):
        np.save(tmp_path / "input.npy", (xs > 0).astype(kind))
        assert main(["run", path, "--input", str(tmp_path / "input.npy")]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]


@pytest.mark.parametrize("name", ["file", "allow_pickle", "args", "output"])
@pytest.mark.parametrize("to", ["outs", "outs.npz", "outs.data"])
def test_outputs_of_any_name_are_written_to_the_named_file(name: str, to: str, tmp_path: Path):
    nodes = {"in": nir.Input(np.array([3])), "mid": nir.Threshold(np.ones(3)), name: nir.Output(np.array([3]))}
    write(nir.NIRGraph(nodes, [("in", "mid"), ("mid", name)]), tmp_path / "graph.nir")
    before = {*tmp_path.iterdir()}
    words = ["run", str(tmp_path / "graph.nir"), "--dt", "1e-4", "--steps", "4", "--rate", "1"]
    assert main([*words, "--output", str(tmp_path / to)]) == 0
    assert {*tmp_path.iterdir()} - before == {tmp_path / to}
    with np.load(tmp_path / to) as arrays:
        assert {key: value.shape for key, value in arrays.items()} == {name: (4, 1, 3)}


def test_more_steps_than_memory_are_refused(tmp_path: Path, capsys):
    write(chain(nir.Threshold(np.ones(2**20)), shape=(2**20,)), tmp_path / "wide.nir")
    assert main(["run", str(tmp_path / "wide.nir"), "--steps", str(2**31 - 1), "--dt", "1e-4"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("snn nir run: --steps 2147483647 takes 16,777,216.0 GiB, more than the ")
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["run", "x.nir", "--seed", "-1"], "argument --seed: expected a whole number of at least 0, got '-1'"),
        (["run", "x.nir", "--seed", "1.5"], "argument --seed: expected a whole number of at least 0, got '1.5'"),
        (["dance"], "invalid choice: 'dance'"),
        (["check", "x.nir", "--profile", "loihi"], "invalid choice: 'loihi'"),
        (["run", "x.nir", "--steps", "0"], "expected a whole number of at least 1, got '0'"),
        (["run", "x.nir", "--steps", "2147483648"], "at most 2147483647, got '2147483648'"),
        (["run", "x.nir", "--rate", "2"], "expected a number from 0 to 1, got '2'"),
        (["run", "x.nir", "--rate", "nan"], "expected a number from 0 to 1, got 'nan'"),
        (["convert", "x.nir", "y.nir", "--compat", "nir<=0.9"], "invalid choice"),
    ],
)
def test_a_wrong_word_is_named_and_ends_with_code_2(words: list[str], complaint: str, capsys):
    with pytest.raises(SystemExit) as error:
        main(words)
    assert error.value.code == 2
    assert complaint in capsys.readouterr().err
