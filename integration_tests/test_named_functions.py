"""Commands that call a function by its name and need more packages than snn."""

import pytest

from snn.cli import main


@pytest.mark.parametrize("command", [["energy"], ["doctor"], ["export", "net.c", "--format", "c"]])
def test_a_function_without_a_signature_ends_with_code_2(command, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([command[0], "torch:zeros", *command[1:], "--shape", "3,2,5"]) == 2
    assert capsys.readouterr().err.startswith(f"snn {command[0]}: zeros in torch raises TypeError")
