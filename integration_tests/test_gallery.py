"""The gallery is built from the code it shows: every plot is in it, and the page in the tree is up to date."""

from __future__ import annotations

import importlib.util
import inspect
import pathlib
from types import ModuleType

import matplotlib
import pytest
from PIL import Image

import snn_plot
from workspace import ROOT

DOCS = ROOT / "docs"
# Wide enough to read on a page of 1280 pixels, and narrow enough to fit it.
NARROWEST, WIDEST = 240, 1280
MOST_BYTES = 300_000


@pytest.fixture(scope="module")
def gallery() -> ModuleType:
    matplotlib.use("agg")
    spec = importlib.util.spec_from_file_location("gallery", DOCS / "gallery.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def built(gallery: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return gallery.build(tmp_path_factory.mktemp("docs"))


def test_every_plot_has_its_picture(gallery: ModuleType):
    functions = {name for name in snn_plot.__all__ if inspect.isfunction(getattr(snn_plot, name))}
    assert functions <= {picture.__name__ for picture in gallery.PICTURES}


def test_the_page_in_the_tree_is_the_one_that_is_built(built: pathlib.Path):
    assert built.read_text(encoding="utf-8") == (DOCS / "gallery.md").read_text(encoding="utf-8"), (
        "the gallery has changed: run python docs/gallery.py"
    )


def test_the_pictures_in_the_tree_are_those_that_are_built(built: pathlib.Path):
    made = {file.name: file for file in (built.parent / "gallery").iterdir()}
    assert made.keys() == {file.name for file in (DOCS / "gallery").iterdir()}
    for name, file in made.items():
        with Image.open(file) as new, Image.open(DOCS / "gallery" / name) as kept:
            assert (new.format, new.size) == (kept.format, kept.size)
            assert getattr(new, "n_frames", 1) == getattr(kept, "n_frames", 1)
            assert NARROWEST <= new.width <= WIDEST


def test_the_pictures_are_small(built: pathlib.Path):
    assert sum(file.stat().st_size for file in (built.parent / "gallery").iterdir()) < MOST_BYTES
