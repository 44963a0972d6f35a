"""Tests of every package draw the same numbers in every run."""

from repeatable import pytest_make_collect_report, seeded

__all__ = ["pytest_make_collect_report", "seeded"]
