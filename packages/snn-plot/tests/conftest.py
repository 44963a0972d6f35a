"""Draw without a display, leave no figure open, and let no plot change a global setting."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def nothing_global_changes(monkeypatch):
    """Every test also asserts that rcParams are as before and that nothing was shown."""

    def refuse(*args, **kwargs):
        raise AssertionError("a plot called show()")

    monkeypatch.setattr(plt, "show", refuse)
    before = dict(matplotlib.rcParams)
    yield
    plt.close("all")
    assert dict(matplotlib.rcParams) == before


@pytest.fixture
def ax():
    """Axes that are not pyplot's current ones: another figure and other axes were made after them."""
    figure, (axes, _) = plt.subplots(1, 2)
    plt.figure().subplots()
    return axes


@pytest.fixture
def untouched(ax):
    """After the test, the current axes and the neighbor of `ax` must still be current and empty."""
    current = plt.gca()
    yield
    assert plt.gca() is current
    for other in (current, ax.figure.axes[1]):
        assert not other.has_data()
        assert other.get_xlabel() == other.get_ylabel() == ""
    assert len(ax.figure.axes) == 2
