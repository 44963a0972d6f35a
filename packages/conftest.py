"""Tests of every package draw the same numbers in every run."""

from repeatable import seeded

__all__ = ["seeded"]
