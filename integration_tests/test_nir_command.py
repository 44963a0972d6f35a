"""``snn nir``: the command of one piece, under the name of the whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.needs("snn", "snn-core", "snn-cpu", "snn-nir")


def snn(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "snn", *words], capture_output=True, text=True, check=False)


def test_it_has_words_of_its_own(tmp_path: Path) -> None:
    shown = snn("nir", "--help")
    assert shown.returncode == 0
    assert shown.stdout.startswith("usage: snn nir [-h] {check,show,run,diff,convert}")
    done = snn("nir", "show", str(tmp_path / "none.nir"))
    assert done.returncode == 1
    assert done.stderr.startswith("snn nir show: [Errno 2] No such file")


def test_without_a_word_it_prints_what_there_is() -> None:
    done = snn("nir")
    assert (done.returncode, done.stdout[:14]) == (0, "usage: snn nir")
