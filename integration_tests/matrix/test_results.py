"""Tests of the matrix's results, as a file and as a page."""

from __future__ import annotations

import json
import pathlib

import pytest

from matrix import page, results

RAN = {
    "result": 0,
    "sessions": [
        {"name": "wheels", "signatures": ["wheels"], "result": "success", "duration": 31.25},
        {"name": "lowest", "signatures": ["lowest(snn-plot)"], "result": "failed", "duration": 7},
        {"name": "pairwise", "signatures": ["pairwise(core+plot)"], "result": "success", "duration": 9},
        {"name": "released", "signatures": ["released(last snn)"], "result": "aborted"},
        {"name": "released", "signatures": ["released(tree snn-core)"], "result": "success", "duration": 1},
    ],
}
INSTALLED = {"snn-core": "0.5.1.dev0", "snn-plot": "0.5.0", "torch": "2.13.0", "numpy": "1.26.0"}


@pytest.fixture
def report(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.setattr(results, "RECORDS", tmp_path)
    results.note("lowest(snn-plot)", ["snn-plot"], {"snn-plot": "0.5.0", "matplotlib": "3.8.0", "sympy": "1.0"})
    results.note("pairwise(core+plot)", ["snn-core", "snn-plot"], INSTALLED)
    results.note("released(tree snn-core)", ["snn-core"], INSTALLED, {"snn-nir": "snn-nir 0.4 requires snn-core<0.5"})
    return results.collect(RAN, tmp_path, today="2026-01-31")


def test_there_is_a_cell_for_every_package_that_a_session_tested(report: dict):
    cells = {
        (cell["package"], cell["version"], cell["session"], cell["verdict"], cell["seconds"])
        for cell in report["cells"]
    }
    assert cells == {
        ("snn-plot", "0.5.0", "lowest(snn-plot)", "failed", 7),
        ("snn-core", "0.5.1.dev0", "pairwise(core+plot)", "passed", 9),
        ("snn-plot", "0.5.0", "pairwise(core+plot)", "passed", 9),
        ("snn-core", "0.5.1.dev0", "released(tree snn-core)", "passed", 1),
    }
    (cell,) = (entry for entry in report["cells"] if entry["session"] == "released(tree snn-core)")
    assert (cell["beside"], cell["with"]) == ({"snn-plot": "0.5.0"}, {"torch": "2.13.0", "numpy": "1.26.0"})


def test_a_session_that_never_ran_has_not_passed(report: dict):
    verdicts = {session["session"]: session["verdict"] for session in report["sessions"]}
    assert verdicts["released(last snn)"] == "aborted"
    assert verdicts["wheels"] == "passed"
    assert report["verdict"] == "failed"


def test_all_passed_is_passed(tmp_path: pathlib.Path):
    assert results.collect({"sessions": RAN["sessions"][:1]}, tmp_path)["verdict"] == "passed"


def test_the_result_is_json(report: dict):
    assert json.loads(json.dumps(report)) == report


def test_the_page_has_a_row_for_every_cell_and_names_what_is_kept_apart(report: dict):
    text = page.page(report)
    assert "| snn-core 0.5.1.dev0, snn-plot 0.5.0 | passed |" in text
    assert "| snn-plot 0.5.0 | matplotlib 3.8.0 | failed |" in text
    assert "| snn-core 0.5.1.dev0 | snn-plot 0.5.0 | snn-nir 0.4 requires snn-core<0.5 | passed |" in text
    assert "on 2026-01-31" in text
    assert "{" not in text
