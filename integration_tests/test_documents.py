"""Every Python block of every Markdown page runs, a page as one program; every link inside the tree leads somewhere.

A block that is meant to be read only is fenced as ``python no-run``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap

import pytest

from workspace import ROOT

PAGES = sorted(
    page.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "packages/*/*.md")
    for page in ROOT.glob(pattern)
)


def blocks(page: str) -> list[str]:
    """The Python blocks of a Markdown page, those inside a list item without their indentation."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"^([ ]*)```python\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(body) for _, body in found]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
def test_a_page_runs_as_one_program(page: str, tmp_path):
    program = tmp_path / "page.py"
    program.write_text("\n".join(blocks(page)), encoding="utf-8")
    done = subprocess.run([sys.executable, str(program)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_first_page_has_programs_and_both_commands():
    assert len(blocks("README.md")) >= 4
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    prepare = 'python3 -m venv .venv && .venv/bin/pip install -q "nox[uv]" && .venv/bin/nox -s '
    assert prepare + "quickstart\n" in text
    assert prepare + "tests\n" in text


def test_continuous_integration_runs_the_command_of_the_first_page():
    (command,) = (line for line in (ROOT / "README.md").read_text().splitlines() if line.endswith("nox -s tests"))
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_inside_the_tree_leads_somewhere(page: str):
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    missing = [target for target in targets if not ((ROOT / page).parent / target).exists()]
    assert not missing
