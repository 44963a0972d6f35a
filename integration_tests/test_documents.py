"""Every Python block of every Markdown page runs, a page as one program; every link inside the tree leads somewhere.

A block that is meant to be read only is fenced as ``python no-run``. Where ``SNN_PAGES`` names a folder, what the
blocks print and draw is kept there, for the site to show.
"""

from __future__ import annotations

import os
import pathlib
import re

import pytest

import pages
import snn.cli
from workspace import ROOT

PAGES = pages.pages()


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def words_of(text: str) -> list[str]:
    """The words of an output, without numbers and columns, which are the machine's."""
    return re.findall(r"[a-z_]{2,}", text)


PRINTED = re.compile(r"^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)  # behind the block that prints it


@pytest.mark.parametrize("page", [page for page in PAGES if pages.blocks(text_of(page))])
def test_a_page_runs_as_one_program_and_prints_what_it_says(page: str, tmp_path: pathlib.Path):
    text = text_of(page)
    blocks = pages.run(page, pathlib.Path(os.environ.get("SNN_PAGES", tmp_path))).blocks
    # by the line of the fence that closes the block
    printed = {block.line + block.code.count("\n"): block.printed for block in blocks}
    for match in PRINTED.finditer(text):
        assert words_of(match[1]) == words_of(printed[text.count("\n", 0, match.start()) + 1])


def test_some_pages_say_what_they_print():
    assert len([page for page in PAGES if PRINTED.search(text_of(page))]) > 5


def test_no_page_has_pip_take_another_project_by_the_name_of_ours():
    # on the public index it has versions below ours, which fulfill the bare name
    commands = [(page, command) for page in PAGES for command in re.findall(r"pip install ([^`\n]*)", text_of(page))]
    bare = [
        (page, command)
        for page, command in commands
        if re.search(r"(?:^|[ '\"])snn(?:\[[^\]]*\])?(?:$|[ '\"])", command)
    ]
    assert commands
    assert not bare


def test_a_page_that_fails_is_reported_with_its_line(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    wrong = tmp_path / "wrong.md"
    wrong.write_text("A page.\n\n```python\nx = 1\n```\n\n```python\n\nassert x == 2\n```\n", encoding="utf-8")
    with pytest.raises(pages.PageError, match=r'wrong\.md", line 9, in <module>\n(.*\n)*AssertionError'):
        pages.run("wrong.md", tmp_path / "records", tmp_path)


def test_a_record_keeps_what_each_block_prints_and_draws(tmp_path: pathlib.Path):
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nprint(6 * 7)\n```\n\n- in a list:\n\n  ```python\n  import matplotlib.pyplot as plt\n"
        "  fig, ax = plt.subplots()\n  ```\n\n```python no-run\nraise SystemExit\n```\n",
        encoding="utf-8",
    )
    record = pages.run("page.md", tmp_path / "records", tmp_path)
    assert [(block.line, block.printed, block.pictures) for block in record.blocks] == [
        (2, "42\n", []),
        (8, "", ["1-1.png"]),
    ]
    picture = tmp_path / "records" / "page.md" / "1-1.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_page_that_has_changed_is_run_again(tmp_path: pathlib.Path):
    page, records = tmp_path / "page.md", tmp_path / "records"
    page.write_text("```python\nprint(1)\n```\n", encoding="utf-8")
    assert pages.recorded("page.md", records, tmp_path).blocks[0].printed == "1\n"
    page.write_text("```python\nprint(2)\n```\n", encoding="utf-8")
    assert pages.recorded("page.md", records, tmp_path).blocks[0].printed == "2\n"


def test_the_first_page_has_programs_and_both_commands():
    assert len(pages.blocks(text_of("README.md"))) >= 4
    prepare = 'python3 -m venv .venv && .venv/bin/pip install -q "nox[uv]" && .venv/bin/nox -s '
    assert prepare + "quickstart\n" in text_of("README.md")
    assert prepare + "tests\n" in text_of("README.md")


def test_continuous_integration_runs_the_command_of_the_first_page():
    (command,) = (line for line in text_of("README.md").splitlines() if line.endswith("nox -s tests"))
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_inside_the_tree_leads_somewhere(page: str):
    targets = [target for target in re.findall(r"\]\(([^)#]+)", text_of(page)) if "://" not in target]
    missing = [target for target in targets if not ((ROOT / page).parent / target).exists()]
    assert not missing


def test_the_page_of_commands_has_every_command_and_every_variable_that_a_package_reads(
    capsys: pytest.CaptureFixture[str],
):
    text = text_of("docs/commands.md")
    assert snn.cli.main([]) == 0
    listed = re.findall(r"^    ([a-z]+) ", capsys.readouterr().out, re.MULTILINE)
    assert sorted(set(re.findall(r"^\| `snn ([a-z]+)", text, re.MULTILINE))) == sorted(listed)
    sources = (file.read_text(encoding="utf-8") for file in (ROOT / "packages").glob("*/src/**/*.py"))
    build = (ROOT / "packages" / "snn-cpu" / "hatch_build.py").read_text(encoding="utf-8")
    read = {name for source in (build, *sources) for name in re.findall(r'environ\.get\("(SNN_\w+)"', source)}
    assert set(re.findall(r"^\| `(SNN_\w+)=", text, re.MULTILINE)) == read
