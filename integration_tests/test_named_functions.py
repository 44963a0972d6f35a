"""Commands that call a function by its name and need more packages than snn."""

import sys

import pytest

from snn.cli import main

every_command = pytest.mark.parametrize("command", [["energy"], ["doctor"], ["export", "net.c", "--format", "c"]])

NET = """
from torch import nn
import snn_core as snn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 3), snn.Leaky(0.9, init_hidden=True))

    def forward(self, x):
        import beside_late
        return self.layers(beside_late.FACTOR * x)
"""


@every_command
def test_a_function_without_a_signature_ends_with_code_2(command, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([command[0], "torch:zeros", *command[1:], "--shape", "3,2,5"]) == 2
    assert capsys.readouterr().err.startswith(f"snn {command[0]}: zeros in torch raises TypeError")


@every_command
def test_a_net_imports_from_its_folder_while_it_runs(command, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sys.modules.pop("beside_late", None)
    (tmp_path / "of").mkdir()
    (tmp_path / "of" / "late.py").write_text(NET, encoding="utf-8")
    (tmp_path / "of" / "beside_late.py").write_text("FACTOR = 2.0\n", encoding="utf-8")
    before = list(sys.path)
    main([command[0], "of/late.py:Net", *command[1:], "--shape", "2,5" if command[0] == "export" else "3,2,5"])
    assert "beside_late" in sys.modules
    assert "beside_late" not in capsys.readouterr().err
    assert sys.path == before
