"""The short test of the kernels, where there are none."""

from __future__ import annotations

from snn_triton import selftest


def test_every_check_names_what_runs_without_a_kernel() -> None:
    checks = selftest("cpu")
    assert len(checks) == 10
    assert not any(check.ok for check in checks)
    assert all("runs: " in check.detail for check in checks)


def test_raised_errors_are_part_of_the_report() -> None:
    first, *_ = selftest("no such device")
    assert not first.ok
    assert "RuntimeError" in first.detail
