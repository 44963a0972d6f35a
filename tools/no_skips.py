"""A pytest plugin: a test that is skipped, or expected to fail, has failed.

The sessions install everything that the tests they run need, so a skip would be a check that silently stopped checking.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped or hasattr(report, "wasxfail"):
        reason = getattr(report, "wasxfail", None) or report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} did not run to a pass ({reason}): make it run, or delete it"
        report.__dict__.pop("wasxfail", None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip inside a test or fixture into a failure."""
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a skip of a whole module into a failure."""
    report = yield
    _fail_if_skipped(report)
    return report
