"""animated_raster: the raster, spike after spike."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from snn_plot import animated_raster, raster

SPK = torch.tensor([[0, 0, 1], [1, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0]])


@pytest.fixture
def film(ax):
    animation = animated_raster(SPK, ax)
    ax.figure.canvas.draw()
    return animation


def content(film, frame):
    marks, line = film.show(frame)
    return marks.get_offsets().tolist(), line.get_xdata()[0]


def test_frame_t_shows_the_spikes_of_the_first_t_steps(film):
    assert film.num_frames == 6
    assert [content(film, frame) for frame in (0, 1, 2, 3, 5)] == [
        ([], -0.5),
        ([[0, 2]], 0.5),
        ([[0, 2], [1, 0]], 1.5),
        ([[0, 2], [1, 0]], 2.5),
        ([[0, 2], [1, 0], [3, 2]], 4.5),
    ]


def test_the_film_may_go_back(film):
    full = content(film, 5)
    content(film, 1)
    assert content(film, 5) == full


def test_the_axes_hold_the_same_artists_at_the_same_limits_in_every_frame(film, ax):
    children, limits = ax.get_children(), (ax.get_xlim(), ax.get_ylim())
    for frame in range(film.num_frames):
        film.show(frame)
        ax.figure.canvas.draw()
        assert ax.get_children() == children
        assert (ax.get_xlim(), ax.get_ylim()) == limits


@pytest.mark.exhaustive
@given(
    arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.booleans()),
    st.integers(1, 9),
)
def test_the_last_frame_is_the_raster(spk, steps_per_frame):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    film = animated_raster(spk, left, steps_per_frame=steps_per_frame)
    FigureCanvasAgg(figure).draw()
    marks, _ = film.show(film.num_frames - 1)
    assert marks.get_offsets().tolist() == raster(spk, right).collections[0].get_offsets().tolist()
    assert (film.num_frames - 2) * steps_per_frame < len(spk) <= (film.num_frames - 1) * steps_per_frame


def test_the_options_of_raster_are_its_own(ax):
    ax.scatter([0], [0])
    film = animated_raster(SPK.T, ax, time_first=False, dt=0.5, labels="abc", order=[2, 0, 1], s=3, interval=25)
    ax.figure.canvas.draw()
    assert content(film, 2) == ([[0, 0], [0.5, 1]], 0.75)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["c", "a", "b"]
    assert film.show(0)[0].get_sizes().tolist() == [3]
    assert film.interval == 25
    assert ax.get_xlabel() == "Time (s)"


def test_a_film_of_one_step_has_two_frames(tmp_path):
    animated_raster(torch.ones(1, 3), plt.figure(figsize=(1, 1)).subplots()).save(tmp_path / "film.gif")
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 2


@pytest.mark.parametrize("steps_per_frame", [0, -1, 1.5])
def test_a_frame_of_no_whole_step_is_refused(ax, steps_per_frame):
    with pytest.raises(ValueError, match="steps_per_frame must be 1 or more whole steps"):
        animated_raster(SPK, ax, steps_per_frame=steps_per_frame)
    assert not ax.has_data()
