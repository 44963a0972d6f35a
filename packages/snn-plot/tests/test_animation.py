"""Animation: every format by its suffix, without ffmpeg; the figure stays as it was."""

from __future__ import annotations

import base64
import io
import os
import pathlib
import re
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.animation import PillowWriter
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from PIL import Image

from snn_plot import Animation

FRAMES = 5


def film(interval=40, **options):
    """A square that is filled from the left, a fifth each frame; the frames are told apart by their dark pixels."""
    figure = plt.figure(figsize=(1, 0.5), dpi=40, **options)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    image = ax.imshow(np.zeros((1, FRAMES)), vmin=0, vmax=1, cmap="gray_r", aspect="auto", interpolation="nearest")

    def show(frame):
        image.set_data(np.arange(FRAMES)[None] <= frame)
        return [image]

    return Animation(figure, show, FRAMES, interval)


def frames_of(file):
    """Share of dark pixels, and duration in milliseconds, of each frame."""
    frames = []
    with Image.open(file) as image:
        for index in range(image.n_frames):
            image.seek(index)
            frames.append(
                (float((np.asarray(image.convert("L")) < 128).mean().round(2)), round(image.info["duration"]))
            )
    return frames


@pytest.fixture(autouse=True)
def no_ffmpeg(monkeypatch, tmp_path):
    """As on a machine without ffmpeg, whatever this one has."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("suffix", "form"), [("gif", "GIF"), ("webp", "WEBP"), ("apng", "PNG"), ("png", "PNG"), ("GIF", "GIF")]
)
def test_the_suffix_names_the_format_and_each_frame_is_there_for_its_time(suffix, form):
    film(interval=40).save(f"film.{suffix}")
    with Image.open(f"film.{suffix}") as image:
        assert image.format == form
        assert image.info["loop"] == 0
        assert image.size == (40, 20)
    assert frames_of(f"film.{suffix}") == [(0.2, 40), (0.4, 40), (0.6, 40), (0.8, 40), (1.0, 40)]


def test_a_gif_of_uneven_delays_is_as_long_as_it_should_be():
    film(interval=25).save("film.gif")
    # hundredths of a second: the frames end at 20, 50, 80, 100 and 120 ms
    assert [duration for _, duration in frames_of("film.gif")] == [20, 30, 30, 20, 20]


@pytest.mark.parametrize("suffix", ["gif", "webp", "apng"])
@pytest.mark.parametrize("num_frames", [1, 3])
def test_a_film_in_which_nothing_moves_is_one_picture(suffix, num_frames):
    figure = plt.figure(figsize=(1, 0.5), dpi=40)
    Animation(figure, lambda frame: [], num_frames, 50).save(f"film.{suffix}")
    with Image.open(f"film.{suffix}") as image:
        assert image.size == (40, 20)
        assert image.n_frames == 1


def test_frames_a_second_and_pixels_an_inch_may_be_given(tmp_path):
    film().save(tmp_path / "film.webp", fps=8, dpi=80)
    with Image.open(tmp_path / "film.webp") as image:
        assert image.size == (80, 40)
    assert [duration for _, duration in frames_of("film.webp")] == [125] * 5


def images_in(page):
    return [io.BytesIO(base64.b64decode(data)) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', page)]


def test_a_notebook_shows_the_film_as_an_image():
    (image,) = images_in(film()._repr_html_())
    assert frames_of(image) == [(0.2, 40), (0.4, 40), (0.6, 40), (0.8, 40), (1.0, 40)]


def test_an_html_file_is_a_page_that_asks_for_nothing_else():
    film().save("first <film>.html")
    page = pathlib.Path("first <film>.html").read_text(encoding="utf-8")
    (image,) = images_in(page)
    assert len(frames_of(image)) == FRAMES
    assert page.startswith("<!DOCTYPE html>")
    assert "<title>first &lt;film&gt;</title>" in page
    assert not re.search(r"https?:|<script|<link", page)


def test_the_video_of_a_page_is_an_image_without_ffmpeg():
    animation = film()
    assert animation.to_html5_video() == animation._repr_html_()


@pytest.mark.parametrize("suffix", ["mp4", "mov", "MKV", "webm"])
def test_a_video_without_ffmpeg_is_refused_with_what_works(suffix):
    with pytest.raises(RuntimeError, match=r"ffmpeg, which is not installed\. Fix: install it, or save as \.webp"):
        drop(film()).save(f"film.{suffix}")


@pytest.mark.parametrize("name", ["film", "film.jpeg", ".gif"])
def test_an_unknown_format_is_refused_and_the_known_ones_listed(name):
    with pytest.raises(ValueError, match=r"filename must end in one of \.gif, \.webp, \.apng, \.png, \.html"):
        drop(film()).save(name)


def test_a_video_is_written_by_ffmpeg_where_it_is_there(tmp_path):
    program = tmp_path / "bin" / "ffmpeg"
    program.write_text('#!/bin/sh\nfor last; do :; done\nexec /bin/cat > "$last"\n', encoding="utf-8")
    program.chmod(0o755)
    film().save("film.mp4")
    # what ffmpeg is handed: every frame, four bytes a pixel
    assert os.stat("film.mp4").st_size == FRAMES * 40 * 20 * 4


def test_a_writer_of_matplotlibs_may_do_the_work():
    calls = []
    film().save(
        "film.gif", writer="pillow", fps=10, progress_callback=lambda frame, total: calls.append((frame, total))
    )
    assert frames_of("film.gif") == [(0.2, 100), (0.4, 100), (0.6, 100), (0.8, 100), (1.0, 100)]
    assert calls == [(frame, FRAMES) for frame in range(FRAMES)]
    film().save("other.gif", PillowWriter(fps=10), None, 40)
    assert frames_of("other.gif") == frames_of("film.gif")


def test_arguments_for_a_writer_that_is_not_there_are_refused():
    with pytest.raises(
        TypeError, match="save: 'h264', metadata is only for a video, or for one of matplotlib's writers"
    ):
        drop(film()).save("film.gif", None, None, None, "h264", metadata={})


@pytest.mark.parametrize("fps", [0, -1.0, float("inf"), float("nan")])
def test_a_number_of_frames_a_second_that_is_none_is_refused(fps):
    with pytest.raises(ValueError, match="fps must be greater than 0, in frames per second"):
        drop(film()).save("film.gif", fps=fps)


@pytest.mark.parametrize(("num_frames", "interval"), [(0, 40), (-1, 40), (3, 0), (3, -5), (3, float("nan"))])
def test_a_film_without_frames_or_delay_is_refused(num_frames, interval):
    name = (
        "num_frames must be a whole number of 1"
        if num_frames < 1
        else "interval must be greater than 0, in milliseconds"
    )
    with pytest.raises(ValueError, match=name):
        Animation(Figure(), lambda frame: [], num_frames, interval)


@pytest.mark.parametrize("num_frames", [3.0, np.int8(3), torch.tensor(3), torch.tensor(3.0)], ids=repr)
def test_a_whole_number_of_frames_may_be_of_any_kind(num_frames):
    animation = Animation(plt.figure(figsize=(1, 0.5), dpi=40), lambda frame: [], num_frames)
    animation.save("film.gif")
    assert (animation.num_frames, type(animation.num_frames)) == (3, int)


def test_a_delay_and_a_rate_may_be_numbers_of_torch(tmp_path):
    film(torch.tensor(30.0)).save(tmp_path / "interval.gif")
    film().save(tmp_path / "fps.gif", fps=torch.tensor(20.0))
    durations = [[duration for _, duration in frames_of(tmp_path / name)] for name in ("interval.gif", "fps.gif")]
    assert durations == [[30] * FRAMES, [50] * FRAMES]


def test_the_figure_keeps_its_canvas_its_size_and_its_resolution():
    animation = film()
    canvas = FigureCanvasSVG(animation.figure)
    animation.save("film.gif", dpi=100)
    assert animation.figure.canvas is canvas
    assert animation.figure.dpi == 40
    assert animation.figure.get_size_inches().tolist() == [1, 0.5]


def test_a_frame_that_fails_leaves_the_figure_on_its_canvas():
    figure = plt.figure(dpi=40)
    canvas = figure.canvas

    def show(frame):
        if frame == 2:
            raise ZeroDivisionError
        return []

    with pytest.raises(ZeroDivisionError):
        Animation(figure, show, 3).save("film.gif", dpi=100)
    assert figure.canvas is canvas
    assert figure.dpi == 40


def test_a_transparent_figure_is_shown_on_white():
    animation = film()
    animation.figure.set_facecolor("none")
    animation.figure.axes[0].images[0].set_cmap("Blues")
    animation.figure.axes[0].images[0].set_alpha(0.0)
    animation.save("film.gif")
    assert {dark for dark, _ in frames_of("film.gif")} == {0.0}


def test_artists_stay_the_same_from_frame_to_frame():
    animation = film()
    before = animation.figure.findobj()
    animation.save("film.gif")
    assert [artist for artist in animation.figure.axes[0].get_children() if artist not in before] == []


def test_a_saved_film_is_thrown_away_without_a_warning():
    animation = film()
    animation.save("film.gif")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        animation.__del__()


def drop(animation):
    """Spare a film that is never drawn matplotlib's warning about it."""
    animation.figure.canvas.draw()
    return animation
