"""A film drawn in layers is the film drawn from scratch, frame by frame, pixel by pixel but for rounding."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from snn_plot import Animation, animated_raster, animator, spike_count
from snn_plot.frames import drawn_anew, drawn_in_layers

GENERATOR = torch.Generator().manual_seed(3)
SPK = torch.rand(13, 7, generator=GENERATOR) < 0.4
VIDEO = torch.rand(13, 5, 7, generator=GENERATOR)
# Of 255: two half-transparent layers are rounded once more than one by one.
ROUNDING = 2


def figure(**options) -> Figure:
    return Figure(figsize=(3, 2), dpi=50, **options)


def a_raster(figure: Figure) -> Animation:
    return animated_raster(SPK, figure.subplots(), dt=0.01)


def a_raster_beside_another_plot(figure: Figure) -> Animation:
    left, right = figure.subplots(1, 2)
    right.plot([0, 1], [1, 0])
    figure.suptitle("Both")
    return animated_raster(SPK, left)


def a_raster_below_a_twin_and_a_legend(figure: Figure) -> Animation:
    ax = figure.subplots()
    ax.twinx().fill_between([0, 12], [0, 1], alpha=0.5)
    film = animated_raster(SPK, ax, label="spikes")
    # not where there is room, which would change with the spikes
    ax.legend(loc="upper left")
    ax.grid(True)
    return film


def a_count(figure: Figure) -> Animation:
    return spike_count(SPK, figure, figure.subplots(), animate=True, interpolate=2)


def a_video(figure: Figure) -> Animation:
    return animator(VIDEO, figure, figure.subplots())


def a_video_on_a_see_through_figure(figure: Figure) -> Animation:
    figure.set_facecolor((0, 1, 0, 0.3))
    return animator(VIDEO, figure, figure.subplots())


def a_video_without_a_frame(figure: Figure) -> Animation:
    ax = figure.subplots()
    film = animator(VIDEO, figure, ax)
    ax.set_axis_on()
    ax.set_frame_on(False)
    ax.set_title("Title")
    return film


def two_in_one(figure: Figure) -> Animation:
    above, below = figure.subplots(2, 1)
    parts = animated_raster(SPK, above), spike_count(SPK, figure, below, animate=True)
    return Animation(figure, lambda frame: [artist for part in parts for artist in part.show(frame)], 14, blit=True)


def text_of_the_figure_that_moves(figure: Figure) -> Animation:
    figure.subplots().plot([0, 1], [0, 1])
    text = figure.text(0.1, 0.1, "word", size=20)

    def show(frame: int) -> list:
        text.set_position((frame / 20, 0.3))
        return [text]

    return Animation(figure, show, 14, blit=True)


def part_of_a_legend_that_moves(figure: Figure) -> Animation:
    ax = figure.subplots()
    ax.plot([0, 1], [0, 1], label="line")
    (text,) = ax.legend().get_texts()

    def show(frame: int) -> list:
        text.set_text(f"frame {frame}")
        return [text]

    return Animation(figure, show, 14, blit=True)


def axes_of_a_subfigure(figure: Figure) -> Animation:
    left, right = figure.subfigures(1, 2)
    right.subplots().plot([0, 1], [0, 1])
    return animated_raster(SPK, left.subplots())


FILMS = [
    a_raster,
    a_raster_beside_another_plot,
    a_raster_below_a_twin_and_a_legend,
    a_count,
    a_video,
    a_video_on_a_see_through_figure,
    a_video_without_a_frame,
    two_in_one,
    text_of_the_figure_that_moves,
    part_of_a_legend_that_moves,
    axes_of_a_subfigure,
]


def pixels_of(draw, film):
    return [pixels.astype(int) for pixels in draw(FigureCanvasAgg(film.figure), film.show, range(film.num_frames))]


@pytest.mark.exhaustive
@pytest.mark.parametrize("make", FILMS)
@pytest.mark.parametrize("layout", [None, "constrained"])
def test_layers_give_the_same_frames(make, layout):
    film = make(figure(layout=layout))
    # a constrained layout moves a little each time it is made, which layers do not wait for
    FigureCanvasAgg(film.figure).draw()
    film.figure.set_layout_engine("none")
    anew, layered = pixels_of(drawn_anew, film), pixels_of(drawn_in_layers, film)
    assert len(anew) == len(layered) == film.num_frames
    for whole, layers in zip(anew, layered, strict=True):
        assert np.abs(whole - layers).max() <= ROUNDING
    # the film moves, or the test would say nothing
    assert np.abs(anew[0] - anew[-1]).max() > 100


def test_axes_that_are_hidden_stay_hidden():
    film = a_raster(figure())
    film.figure.axes[0].set_visible(False)
    assert {int(pixels.min()) for pixels in pixels_of(drawn_in_layers, film)} == {255}


def test_frames_may_come_in_any_order():
    film = a_raster(figure())
    canvas = FigureCanvasAgg(film.figure)
    forwards = pixels_of(drawn_in_layers, film)
    for index, pixels in zip([5, 2, 9], drawn_in_layers(canvas, film.show, [5, 2, 9]), strict=True):
        assert np.abs(pixels - forwards[index]).max() <= ROUNDING


@pytest.mark.parametrize("make", [a_raster, a_count, a_video])
def test_static_artists_are_drawn_once(make):
    film = make(figure())
    pixels_of(drawn_anew, film)
    calls = []
    # of what stands still, the axis of time and its labels take most of the time
    axis = film.figure.axes[0].xaxis
    axis.draw, whole = lambda renderer: calls.append(renderer), axis.draw
    pixels_of(drawn_in_layers, film)
    axis.draw = whole
    assert len(calls) <= 2


def test_a_film_that_may_change_anything_is_redrawn():
    figure = plt.figure(figsize=(1, 1), dpi=40)
    ax = figure.subplots()

    def show(frame):
        ax.set_title(f"{frame}")
        return []

    first, second = (film.copy() for film in Animation(figure, show, 2)._drawn(None))
    assert first.tobytes() != second.tobytes()


def test_the_films_of_snn_plot_are_drawn_in_layers():
    films = [make(figure()) for make in (a_raster, a_count, a_video)]
    films.append(Animation(figure(), lambda frame: [], 1))
    for film in films:
        FigureCanvasAgg(film.figure).draw()
    assert [film.draw for film in films] == [drawn_in_layers] * 3 + [drawn_anew]
