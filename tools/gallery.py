"""Draw the pictures of ``docs/gallery.md`` from the programs that the page shows: ``python tools/gallery.py``."""

from __future__ import annotations

import io
import pathlib
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from PIL import Image

import pages
from workspace import ROOT

PAGE = ROOT / "docs" / "gallery.md"
DOTS_PER_INCH = 110
FILM_DOTS_PER_INCH = 80
# more colors than a plot needs, but fewer than its blurred edges have: the files are a third as large
COLORS = 128


def sections(text: str) -> dict[str, str]:
    r"""Return the sections of a page by title; the text before the first section is listed under the page's title.

    Example:
        >>> list(sections("# Gallery\n\n## raster\n\nOne mark a spike.\n"))
        ['# Gallery', 'raster']
    """
    return {section.partition("\n")[0]: section for section in text.split("\n## ")}


def draw(folder: pathlib.Path) -> None:
    """Run the programs in order; save what each section draws, its film or else its figure, under its title."""
    folder.mkdir(parents=True, exist_ok=True)
    program: dict[str, Any] = {}
    for name, section in sections(PAGE.read_text(encoding="utf-8")).items():
        for block in pages.blocks(section):
            exec(compile(block.code, f"{PAGE.name}, {name}", "exec"), program)
        if film := program.pop("film", None):
            film.save(folder / f"{name}.webp", dpi=FILM_DOTS_PER_INCH)
        elif plt.get_fignums():
            save_small(plt.gcf(), folder / f"{name}.png", DOTS_PER_INCH)
        plt.close("all")


def save_small(figure: Figure, file: pathlib.Path, dots_per_inch: int) -> None:
    """Save a figure with few colors."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=dots_per_inch)
    Image.open(buffer).convert("RGB").quantize(COLORS, dither=Image.Dither.NONE).save(file, optimize=True)


if __name__ == "__main__":
    draw(PAGE.parent / "gallery")
