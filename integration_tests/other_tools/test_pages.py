"""The programs of the pages about other tools run, where these are installed, and what they assert holds."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from workspace import ROOT

pytestmark = pytest.mark.needs("snn", "snn-core", "snn-data", "snn-functional")
BLOCK = re.compile(r"^```python(?: no-run)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["other-tools", "scikit-learn"])
def test_a_page_runs_to_its_end_with_the_blocks_that_need_other_tools(page, tmp_path):
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    program = tmp_path / "page.py"
    program.write_text("\n".join(BLOCK.findall(text)), encoding="utf-8")
    assert "no-run" in text
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "WANDB_MODE": "offline"}
    process = subprocess.run(
        [sys.executable, str(program)], cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
    )
    assert process.returncode == 0, process.stderr
