"""The program of the page runs where NeuroBench is."""

from __future__ import annotations

import re
import subprocess
import sys

from workspace import ROOT

BLOCK = re.compile(r"^```python no-run\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_program_of_the_page_prints_what_the_page_shows(tmp_path):
    page = (ROOT / "docs" / "neurobench.md").read_text(encoding="utf-8")
    (tmp_path / "page.py").write_text("\n".join(BLOCK.findall(page)), encoding="utf-8")
    command = [sys.executable, "-W", "error", str(tmp_path / "page.py")]
    process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    (expected,) = PRINTED.findall(page)
    assert process.stdout == expected
