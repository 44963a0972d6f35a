"""WebAssembly as one of the formats of export: its files, its errors, and numbers equal to those of the host."""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
import torch
from torch import nn

import snn_core as snn
from in_c.compiling import Library, command
from in_c.in_node import MISSING, Node
from snn_export import export

COMPILES = pytest.mark.skipif(bool(MISSING), reason=f"{MISSING} is not installed")
UNCOMPILED = pytest.mark.skipif("ziglang" in MISSING, reason="ziglang is not installed")


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), snn.Leaky(beta=0.5, init_hidden=True)).eval()


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as node:
        yield node


def in_node(program: str, folder: pathlib.Path) -> list[object]:
    """Run a program of JavaScript in a folder, and return what it prints, each line of which is JSON."""
    (folder / "program.mjs").write_text(program)
    ran = command("node", "program.mjs", folder=folder)
    assert (ran.returncode, ran.stderr) == (0, "")
    return [json.loads(line) for line in ran.stdout.splitlines()]


@COMPILES
def test_ordinary_weights_give_bit_for_bit_the_numbers_of_c_on_this_machine(node, tmp_path):
    torch.manual_seed(0)
    hidden = snn.RLeaky(0.9, linear_features=31, init_hidden=True)
    net = nn.Sequential(nn.Linear(7, 31), hidden, nn.Linear(31, 5), snn.Synaptic(0.8, 0.9, init_hidden=True))
    xs = 3 * torch.randn(50, 1, 7)
    host = Library(net.eval(), xs[0], tmp_path / "host")
    web = node.compiled(net, xs[0], tmp_path / "web")
    outputs = torch.stack([host(x) for x in xs])
    assert 0 < outputs.count_nonzero() < outputs.numel()
    assert torch.equal(torch.stack([web(x) for x in xs]), outputs)


@COMPILES
def test_the_files_lie_together_import_nothing_and_are_the_same_again(tmp_path):
    exported = export(small(), torch.zeros(1, 3), tmp_path / "my net.wasm", format="wasm")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {
        name: content if isinstance(content, bytes) else content.encode() for name, content in exported.files.items()
    }
    assert [*exported.files] == ["my net.wasm", "my net.js"]
    assert exported.report.flash == 4 * (2 * 3 + 2)
    assert exported.files == export(small(), torch.zeros(1, 3), tmp_path / "my net.wasm", format="wasm").files
    program = """
        import { readFileSync } from "node:fs";
        import { load, INPUTS, OUTPUTS } from "./my net.js";
        const bytes = readFileSync("my net.wasm");
        console.log(JSON.stringify(WebAssembly.Module.imports(new WebAssembly.Module(bytes))));
        const nets = [await load(), await load(bytes), await load("./my%20net.wasm")];
        nets[0].step([9, 9, 9]);
        nets[0].reset();
        nets[1].step(new Float32Array([9, -9, 9]));
        for (const net of nets)
            console.log(JSON.stringify([net.inputs === INPUTS, net.outputs === OUTPUTS, [...net.step([9, 9, 9])]]));
    """
    net = small()
    x = torch.full((1, 3), 9.0)
    with torch.no_grad():
        fresh = net(x)[0].tolist()
        snn.utils.reset(net)
        net(torch.tensor([[9.0, -9.0, 9.0]]))
        after = net(x)[0].tolist()
    expected = [[], *([True, True, out] for out in (fresh, after, fresh))]
    assert in_node(program, tmp_path) == expected


@COMPILES
@pytest.mark.parametrize("x", ["[1, 2]", "[]", "3", "undefined", "new Float32Array(4)"])
def test_a_step_of_another_size_is_an_error_that_names_it(x, tmp_path):
    export(small(), torch.zeros(1, 3), tmp_path / "net.wasm", format="wasm")
    program = f"""
        import {{ load }} from "./net.js";
        const net = await load();
        try {{ net.step({x}); }} catch (error) {{ console.log(JSON.stringify([error.name, error.message])); }}
    """
    length = {"[1, 2]": 2, "[]": 0, "new Float32Array(4)": 4}.get(x, "undefined")
    assert in_node(program, tmp_path) == [["RangeError", f"step: x must have 3 numbers, got {length}"]]


def test_a_path_that_does_not_end_in_wasm_is_refused(compiles_nothing, tmp_path):
    with pytest.raises(ValueError, match=r"path must end in \.wasm for format='wasm', got '.*\.js'\. Fix: eye\.wasm"):
        export(small(), torch.zeros(1, 3), tmp_path / "eye.js", format="wasm")


@pytest.mark.parametrize(
    ("x", "options", "error", "message"),
    [
        (torch.zeros(4, 1, 3), {"over": "sequence"}, ValueError, r"a loop in JavaScript calls; pass over='step'"),
        ((torch.zeros(1, 3), torch.zeros(1, 3)), {}, ValueError, "format='wasm' is for nets of one input, got 2"),
        (torch.zeros(1, 3), {"flash": 31}, ValueError, "takes 32 bytes of flash, but flash=31 allows fewer"),
        (torch.zeros(1, 3), {"recorded": torch.zeros(2, 1, 3)}, TypeError, "no option 'recorded'; it takes ram, flash"),
        (torch.zeros(1, 4), {}, ValueError, "does not take"),
        (torch.zeros(1, 3).double(), {}, TypeError, "float32"),
    ],
    ids=["sequence", "two inputs", "budget", "recorded", "shape", "dtype"],
)
def test_a_net_that_cannot_be_written_is_refused_before_anything_is_compiled(
    x, options, error, message, compiles_nothing, tmp_path
):
    with pytest.raises(error, match=message):
        export(small(), x, tmp_path / "net.wasm", format="wasm", **options)
    assert not [*tmp_path.iterdir()]


@pytest.fixture
def compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the compiler seem installed, and end the test if it runs."""

    def never(*arguments: object) -> None:
        pytest.fail("it compiles")

    monkeypatch.setitem(sys.modules, "ziglang", ModuleType("ziglang"))
    monkeypatch.setattr("snn_export.wasm.export.webassembly", never)


def test_without_the_compiler_the_error_names_the_extra(monkeypatch, tmp_path):
    def absent(name: str, package: str | None = None) -> object:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr("snn_export.formats.importlib.import_module", absent)
    with pytest.raises(ImportError, match=r"format='wasm' needs ziglang.*pip install 'snn-export\[wasm\]'"):
        export(small(), torch.zeros(1, 3), tmp_path / "net.wasm", format="wasm")
    assert not [*tmp_path.iterdir()]


@UNCOMPILED
def test_a_compiler_that_fails_is_quoted_and_nothing_is_written(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(RuntimeError, match=r"export: ziglang must compile the net, got exit code \d+: .+ Fix: "):
        export(small(), torch.zeros(1, 3), tmp_path / "net.wasm", format="wasm")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
