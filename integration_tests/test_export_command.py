"""``snn export``: a net that a function makes, as a file."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest
import torch

import snn_core
from snn.cli import main

pytestmark = pytest.mark.needs("snn", "snn-core", "snn-cpu", "snn-export")

NET = """
import torch
import snn_core as snn

def make_net():
    print("made")
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(5, 4), torch.nn.Dropout(), snn.Leaky(beta=0.9, init_hidden=True)
    )

def make_number():
    return 3
"""


@pytest.fixture
def net(tmp_path: pathlib.Path) -> str:
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    return f"{tmp_path / 'net.py'}:make_net"


def test_a_step_is_written_and_its_path_printed(net: str, tmp_path: pathlib.Path) -> None:
    words = ["export", net, "--shape", "2,5", "--format", "torch", str(tmp_path / "net.pt2")]
    process = subprocess.run([sys.executable, "-m", "snn", *words], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout) == (0, f"written: {tmp_path / 'net.pt2'}\n"), process.stderr
    spk, mem = torch.export.load(tmp_path / "net.pt2").module()(torch.rand(7, 5), torch.zeros(7, 4))
    assert (spk.shape, mem.shape) == ((7, 4), (7, 4))


def test_a_sequence_of_fixed_size_is_written(
    net: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--shape", "4,2,5", "--over", "sequence", "--dynamic", "none", "--format", "torch"]
    assert main(["export", net, *words, str(tmp_path / "net.pt2")]) == 0
    capsys.readouterr()
    spk, mem = torch.export.load(tmp_path / "net.pt2").module()(torch.rand(4, 2, 5))
    assert (spk.shape, mem.shape) == ((4, 2, 4), (2, 4))


def test_a_net_is_written_in_c_within_its_budgets(
    net: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", net, "--shape", "1,5", "--format", "c", str(tmp_path / "eye.c")]
    assert main([*words, "--ram", "1024", "--flash", "96"]) == 0
    assert {file.name for file in tmp_path.glob("eye*")} == {"eye.c", "eye.h"}
    assert main([*words, "--flash", "95"]) == 1
    assert "takes 96 bytes of flash, but flash=95 allows fewer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("function", "words", "code", "message"),
    [
        ("make_net", ["--shape", "2,6", "--format", "torch"], 1, "Sequential does not take [2, 6] (float32)"),
        ("make_net", ["--shape", "2,5", "--format", "gif"], 1, "format must be one of 'torch'"),
        ("make_none", ["--shape", "2,5", "--format", "torch"], 2, "net.py has no function 'make_none'"),
        ("make_number", ["--shape", "2,5", "--format", "torch"], 2, "returns a int; it must return a torch.nn.Module"),
    ],
)
def test_errors_are_reported_and_nothing_is_written(
    net: str,
    function: str,
    words: list[str],
    code: int,
    message: str,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture,
) -> None:
    there = net.replace("make_net", function)
    assert main(["export", there, *words, str(tmp_path / "net.out")]) == code
    output = capsys.readouterr()
    assert output.err.splitlines()[-1].startswith("snn export: ") or code == 1
    assert message in output.err
    assert output.out == ""
    assert not (tmp_path / "net.out").exists()


@pytest.mark.parametrize("words", [["--shape", "2,x"], ["--shape", "0,5"], ["--shape", "2,5", "--dynamic", "width"]])
def test_a_wrong_word_ends_with_code_2(net: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["export", net, *words, "--format", "torch", "net.pt2"])
    assert error.value.code == 2
    assert "expected " in capsys.readouterr().err


def test_the_name_in_the_namespace_is_that_of_the_package() -> None:
    import snn
    import snn_export

    assert snn.export is snn_export.export
    assert "export" in dir(snn)
    assert not hasattr(snn_core, "export")
