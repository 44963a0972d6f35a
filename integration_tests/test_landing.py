"""The first page of the site: its program, its pictures, and where it leads."""

from __future__ import annotations

import pathlib
import re

import matplotlib
import pytest
from PIL import Image

import landing
import pages
from workspace import ROOT

DOCS = ROOT / "docs"
PAGE = (DOCS / "index.md").read_text(encoding="utf-8")
MENU = [
    (caption, entries.split("\n"))
    for caption, entries in re.findall(r"^:caption: (.*)\n\n([^`]+)\n```$", PAGE, re.MULTILINE)
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[pathlib.Path]:
    matplotlib.use("agg")
    return landing.build(tmp_path_factory.mktemp("docs"))


def test_the_program_is_that_of_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert pages.blocks(PAGE)[0].code == pages.blocks(readme)[0].code


def test_the_bars_are_those_of_the_benchmarks():
    page = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    ratios = landing.times_faster(page)
    rows = re.findall(r"^\| *([a-z0-9-]+): ", page.partition("times faster")[2].partition("###")[0], re.MULTILINE)
    assert {name.partition(":")[0] for name in ratios} == {*rows}
    assert list(ratios.values()) == sorted(ratios.values(), reverse=True)
    text = (DOCS / "landing" / "faster.svg").read_text(encoding="utf-8")
    assert [name for name, ratio in ratios.items() if name not in text or f"{ratio:.3g}×" not in text] == []


def test_the_readme_states_ratios_of_the_benchmarks():
    ratios = landing.times_faster((DOCS / "benchmarks.md").read_text(encoding="utf-8"))
    stated = re.findall(r"([\d.]+)×", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert {max(ratios.values()), min(ratios.values())} < {*map(float, stated)} <= {*ratios.values()}


def test_a_table_is_read_by_its_column():
    table = "|  | Norse | snn, `unroll` |\n|---|---|---|\n| a: 3-2, T=5; loss | 1.5× (1–2) | 0.5× (0.4–0.6) |\n"
    page = (
        f"### How many times faster than the loop of snnTorch\n\n{table}| b: 7 | 1× (1–1) | 12.5× (12–13) |\n\n### More"
    )
    assert landing.times_faster(page) == {"b: 7": 12.5, "a: 3-2": 0.5}


def test_the_pictures_in_the_tree_are_those_that_are_drawn(built: list[pathlib.Path]):
    answer, faster = built
    assert {file.name for file in (DOCS / "landing").iterdir()} == {answer.name, faster.name}
    with Image.open(answer) as new, Image.open(DOCS / "landing" / answer.name) as picture:
        assert new.size == picture.size
    assert sum(file.stat().st_size for file in built) < 60_000
    assert all(f"](landing/{file.name})" in PAGE for file in built)


def test_the_page_leads_to_three_places_and_the_menu_has_ten_parts():
    (line,) = (line for line in PAGE.splitlines() if line.startswith("**["))
    assert len(re.findall(r"\]\(", line)) == 3
    assert [caption for caption, _ in MENU] == [
        "Start",
        "Tutorials",
        "Concepts",
        "Train",
        "Inspect",
        "Deploy",
        "Scale",
        "Reference",
        "Evidence",
        "Project",
    ]


def title(entry: str) -> tuple[str, str]:
    """Return the title that the menu shows for an entry, and the file of its page."""
    name, _, page = entry.removesuffix(">").rpartition(" <")
    return name or (DOCS / f"{page}.md").read_text(encoding="utf-8").partition("\n")[0].removeprefix("# "), f"{page}.md"


def test_the_list_of_all_pages_has_the_parts_pages_and_titles_of_the_menu():
    text = (DOCS / "all-pages.md").read_text(encoding="utf-8")
    listed = [
        (part.partition("\n")[0], re.findall(r"^- \[((?:`[^`]*`|[^\]])*)\]\(([^)]*)\)", part, re.MULTILINE))
        for part in text.split("\n## ")[1:]
    ]
    menu = [(caption, [title(entry) for entry in entries if entry != "all-pages"]) for caption, entries in MENU]
    assert listed == menu


def test_the_menu_has_every_page():
    entries = {(DOCS / title(entry)[1]).resolve() for _, entries in MENU for entry in entries}
    assert {*DOCS.glob("*.md"), *DOCS.glob("tutorials/*.md")} - entries == {DOCS / "index.md"}
