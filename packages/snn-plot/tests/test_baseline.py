"""Every plot looks as it did: its picture against the one in ``baseline``, value by value."""

from __future__ import annotations

import pytest
from matplotlib.testing.compare import compare_images

from .pictures import BASELINE, PLOTS, SPK, render

# Root mean square of the differences of 0..255, which leaves room for another version's rounding of edges.
TOLERANCE = 1.0


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_looks_like_its_baseline(name, tmp_path):
    render(name, tmp_path / f"{name}.png")
    assert compare_images(str(BASELINE / f"{name}.png"), str(tmp_path / f"{name}.png"), TOLERANCE) is None


@pytest.mark.parametrize("name", ["raster", "spike_count", "rate_heatmap", "population_activity"])
def test_a_single_spike_more_is_seen(name, tmp_path):
    spk = SPK.clone()
    spk[2, 2] = 1 - spk[2, 2]
    render(name, tmp_path / f"{name}.png", spk)
    assert compare_images(str(BASELINE / f"{name}.png"), str(tmp_path / f"{name}.png"), TOLERANCE) is not None


def test_there_is_no_baseline_without_a_plot():
    assert {file.stem for file in BASELINE.glob("*.png")} == PLOTS.keys()
