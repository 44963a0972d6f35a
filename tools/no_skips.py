"""A pytest plugin that counts a test that is skipped, or expected to fail, as failed.

The sessions install everything that the tests they run need, so a skip would be a check that silently stopped checking.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

Report = pytest.TestReport | pytest.CollectReport


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Report, Report]:
    """Turn the skip of a test, a fixture or a whole module into a failure."""
    report = yield
    if report.skipped or hasattr(report, "wasxfail"):
        reason = getattr(report, "wasxfail", None) or report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} did not run to a pass ({reason}): make it run, or delete it"
        report.__dict__.pop("wasxfail", None)
    return report


pytest_make_collect_report = pytest_runtest_makereport
