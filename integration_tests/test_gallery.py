"""The gallery shows every plot, and the pictures in the tree are what its programs draw."""

from __future__ import annotations

import inspect
import pathlib

import matplotlib
import pytest
from PIL import Image

import gallery
import snn_plot

KEPT = gallery.PAGE.parent / "gallery"
# Wide enough to read on a page of 1280 pixels, and narrow enough to fit it.
NARROWEST, WIDEST = 240, 1280
MOST_BYTES = 300_000


@pytest.fixture(scope="module")
def gallery_folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    matplotlib.use("agg")
    folder = tmp_path_factory.mktemp("gallery")
    gallery.draw(folder)
    return folder


def test_every_plot_has_its_picture_and_the_program_that_draws_it():
    functions = {name for name in snn_plot.__all__ if inspect.isfunction(getattr(snn_plot, name))}
    _, *pictures = gallery.sections(gallery.PAGE.read_text(encoding="utf-8")).items()
    assert functions <= dict(pictures).keys()
    for name, section in pictures:
        (file,) = (file for file in KEPT.iterdir() if file.stem == name)
        assert f"![{name}](gallery/{file.name})" in section
        assert f"snn.plot.{name.removesuffix('_animated')}(" in section


def test_the_pictures_in_the_tree_are_those_that_are_drawn(gallery_folder: pathlib.Path):
    pictures = {file.name: file for file in gallery_folder.iterdir()}
    assert pictures.keys() == {file.name for file in KEPT.iterdir()}, "the gallery has changed: run tools/gallery.py"
    for name, file in pictures.items():
        with Image.open(file) as new, Image.open(KEPT / name) as picture:
            assert (new.format, new.size) == (picture.format, picture.size)
            assert getattr(new, "n_frames", 1) == getattr(picture, "n_frames", 1)
            assert NARROWEST <= new.width <= WIDEST


def test_the_pictures_are_small(gallery_folder: pathlib.Path):
    assert sum(file.stat().st_size for file in gallery_folder.iterdir()) < MOST_BYTES
