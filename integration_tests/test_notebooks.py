"""The notebooks of the tutorials: valid, with the programs of the pages in order, and they run from top to bottom."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

import notebooks
import pages
from workspace import ROOT

TUTORIALS = {page.stem: page for page in notebooks.tutorials()}
# what the schema of format 4.5 requires of a cell, and all that it allows besides metadata
KEYS = {"code": {"execution_count", "outputs"}, "markdown": set[str]()}


def made(name: str) -> dict[str, object]:
    return notebooks.notebook(TUTORIALS[name].read_text(encoding="utf-8"), "docs/tutorials")


def run(file: pathlib.Path, folder: pathlib.Path) -> subprocess.CompletedProcess[str]:
    common = {"MPLBACKEND": "agg", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "tools")}
    command = [sys.executable, str(ROOT / "tools" / "notebooks.py"), "--run", str(file)]
    return subprocess.run(command, cwd=folder, env=os.environ | common, capture_output=True, text=True, check=False)


def test_every_tutorial_becomes_a_notebook(tmp_path: pathlib.Path):
    files = notebooks.write(tmp_path)
    assert len(files) >= 14
    assert [file.stem for file in files] == list(TUTORIALS)
    assert {file.stem for file in files} == {page.stem for page in (ROOT / "docs" / "tutorials").glob("*.md")}
    for file in files:
        assert json.loads(file.read_text(encoding="utf-8")) == made(file.stem)


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_notebook_has_what_format_4_5_requires(name: str):
    notebook = made(name)
    assert notebook.keys() == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"].keys() >= {"name", "display_name"}
    assert notebook["metadata"]["language_info"].keys() >= {"name"}
    for cell in notebook["cells"]:
        assert cell.keys() == {"cell_type", "id", "metadata", "source"} | KEYS[cell["cell_type"]]
        assert re.fullmatch(r"[a-zA-Z0-9-_]{1,64}", cell["id"])
        assert cell["source"]
        assert all(isinstance(line, str) for line in cell["source"])
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(ids) == len({*ids})


@pytest.mark.parametrize("name", TUTORIALS)
def test_the_code_cells_are_the_programs_of_the_page_and_the_text_is_all_there(name: str):
    text = TUTORIALS[name].read_text(encoding="utf-8")
    cells = made(name)["cells"]
    programs = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert programs == [pages.without_checks(block.code).strip("\n") for block in pages.blocks(text)]
    assert "\nassert " not in "".join(programs)
    between = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    targets = r"\]\([^)]*\)|\((?:docs|packages)/[\w./-]+\)"
    words, expected = (re.findall(r"\w+", re.sub(targets, "", part)) for part in (between, pages.FENCE.sub("", text)))
    assert words == expected
    assert not re.search(r"\]\((?!https?:)", between)


def test_links_inside_the_tree_name_their_page_and_a_block_to_read_stays_text():
    page = "See [the *page*](../install.md#here), [a\nsite](https://a.org), [b](#b), ![c](d.png).\n\n"
    page += "```python no-run\nx\n```\n\n- In a list:\n\n  ```python\n  y = 1\n  ```\n"
    first, code = notebooks.notebook(page, "docs/tutorials")["cells"]
    assert "".join(first["source"]) == (
        "See the *page* (docs/install.md), [a\nsite](https://a.org), b, *c*.\n\n"
        "```python no-run\nx\n```\n\n- In a list:"
    )
    assert code["source"] == ["y = 1"]


def test_the_cells_run_in_order_and_an_error_names_its_cell(tmp_path: pathlib.Path):
    file = tmp_path / "a.ipynb"
    page = "Text.\n\n```python\nx = 6\n```\n\n```python\nprint(7 * x)\n```\n\n```python\nassert x == 7\n```\n"
    file.write_text(json.dumps(notebooks.notebook(page)), encoding="utf-8")
    process = run(file, tmp_path)
    assert process.stdout == "42\n"
    assert "a.ipynb, cell-4" in process.stderr
    assert process.returncode == 1


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", TUTORIALS)
def test_a_notebook_runs_from_top_to_bottom(name: str, tmp_path: pathlib.Path):
    notebooks.write(tmp_path)
    process = run(tmp_path / f"{name}.ipynb", tmp_path)
    assert process.returncode == 0, process.stderr
