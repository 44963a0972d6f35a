"""The same random numbers in every run, and reports of the demonstration."""

from __future__ import annotations

import pathlib

import pytest

from repeatable import pytest_make_collect_report, seeded

__all__ = ["pytest_make_collect_report", "reports", "seeded"]


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pathlib.Path]:
    """The page of each task, of networks that have learned nothing: quickly made, with every part."""
    from demo_reports import RUNS, run_of
    from snn.demo.report import write_report

    return {task: write_report(tmp_path_factory.mktemp(task), *run_of(task)) for task in RUNS}
