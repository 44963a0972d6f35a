"""The Lightning program of the documentation trains on two processes, and learns."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from workspace import ROOT

pytestmark = pytest.mark.needs("snn", "snn-core", "snn-functional")


def test_the_program_of_the_page_learns_on_two_processes(tmp_path):
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    (program,) = (p for p in re.findall(r"```python no-run\n(.*?)```", page, re.DOTALL) if "import lightning" in p)
    file = tmp_path / "train.py"
    file.write_text(program, encoding="utf-8")
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    process = subprocess.run(
        [sys.executable, str(file)], cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
    )
    assert process.returncode == 0, process.stderr
    assert "MEMBER: 2/2" in process.stderr + process.stdout
    (loss,) = re.findall(r"^loss ([\d.]+)$", process.stdout, re.MULTILINE)
    assert float(loss) < 0.6  # a guess between two classes has log 2 = 0.69
