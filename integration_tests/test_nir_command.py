"""``snn nir``: the command of one piece, under the name of the whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("snn", "snn-core", "snn-cpu", "snn-nir")


def snn(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "snn", *words], capture_output=True, text=True, check=False)


def test_it_has_its_own_help(tmp_path: Path) -> None:
    text = snn("nir", "--help")
    assert text.returncode == 0
    assert text.stdout.startswith("usage: snn nir [-h] {check,show,run,diff,convert}")
    process = snn("nir", "show", str(tmp_path / "none.nir"))
    assert process.returncode == 1
    assert process.stderr.startswith("snn nir show: [Errno 2] No such file")


def test_without_a_command_it_lists_all_commands() -> None:
    process = snn("nir")
    assert (process.returncode, process.stdout[:14]) == (0, "usage: snn nir")
