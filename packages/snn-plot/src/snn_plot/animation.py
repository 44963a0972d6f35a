"""A film of plots, saved without a video encoder."""

from __future__ import annotations

import base64
import html
import io
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.animation import FuncAnimation, writers
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from snn_plot.frames import Show, drawn_anew, drawn_in_layers
from snn_plot.numbers import checked_whole, is_number

# The writer of each suffix, under its name in Pillow or in matplotlib's registry of writers.
PILLOW_FORMAT = {".gif": "GIF", ".webp": "WEBP", ".apng": "PNG", ".png": "PNG"}
VIDEO = (".mp4", ".m4v", ".mov", ".mkv", ".avi", ".webm")


class Animation(FuncAnimation):
    """Frames of a figure, one after another: the artists stay, and their data change.

    It is matplotlib's animation, so ``plt.show()`` plays it in a window while a variable refers to it. Saving draws
    every frame once and needs no ffmpeg except for video files. A notebook displays it without further code.

    Args:
        figure: Figure that is drawn for each frame.
        show: Function that updates the artists to a frame, given its index from 0, and returns them.
        num_frames: Number of frames, 1 or more.
        interval: Delay between frames in milliseconds, greater than 0.
        blit: Whether `show` returns all artists that it changes, the same in every frame. Saving then draws all others
            once, which is many times faster; without it every frame is drawn completely.

    Raises:
        ValueError: If there is no frame or no delay.

    Example:
        >>> import tempfile
        >>> figure = Figure(figsize=(1, 1))
        >>> (line,) = figure.subplots().plot([0, 1], [0, 1])
        >>> def show(frame):
        ...     line.set_ydata([0, frame])
        ...     return [line]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Animation(figure, show, num_frames=3).save(f"{folder}/film.webp")
        ...     pathlib.Path(f"{folder}/film.webp").read_bytes()[8:12]
        b'WEBP'
    """

    def __init__(
        self,
        figure: Figure,
        show: Callable[[int], Sequence[Artist]],
        num_frames: int,
        interval: float = 40,
        *,
        blit: bool = False,
    ) -> None:
        count = checked_whole(num_frames, "Animation: num_frames must be a whole number of 1 or more")
        if not (is_number(interval) and interval > 0):
            raise ValueError(f"Animation: interval must be greater than 0, in milliseconds, got {interval}")
        super().__init__(figure, show, frames=count, interval=interval, cache_frame_data=False)
        self.figure = figure
        self.show = show
        self.num_frames: int = count
        self.interval = interval
        self.draw: Callable[[FigureCanvasAgg, Show, Sequence[int]], Iterator[np.ndarray]] = (
            drawn_in_layers if blit else drawn_anew
        )

    def save(
        self,
        filename: str | os.PathLike[str],
        writer: Any = None,
        fps: float | None = None,
        dpi: float | None = None,
        *more: Any,
        **options: Any,
    ) -> None:
        """Write the film to a file, in the format that the suffix names.

        Args:
            filename: Ends in ``.gif``, ``.webp``, ``.apng`` or ``.png``; ``.html`` for a self-contained page; or
                ``.mp4``, ``.m4v``, ``.mov``, ``.mkv``, ``.avi``, ``.webm``, for which ffmpeg must be installed.
            writer: One of matplotlib's writers, which then does all the work; chosen by the suffix if None.
            fps: Frames per second; replaces the interval.
            dpi: Pixels per inch; the figure's own if None.
            *more: The arguments of matplotlib's ``Animation.save`` that follow, for a video or with `writer`.
            **options: The same by name.

        Raises:
            ValueError: If the suffix is unknown, or `fps` is not greater than 0.
            RuntimeError: If a video is requested and ffmpeg is missing.
            TypeError: If there are further arguments, but no writer that takes them.
        """
        suffix = pathlib.PurePath(filename).suffix.lower()
        if writer is None and suffix in VIDEO:
            if not writers.is_available("ffmpeg"):
                raise RuntimeError(
                    f"Animation.save: a {suffix} file is written by ffmpeg, which is not installed. Fix: install it, "
                    f"or save as .webp, .apng, .gif or .html"
                )
            writer = "ffmpeg"
        if writer is not None:
            # pyrefly: ignore[bad-argument-type]  (frames per second need not be a whole number)
            super().save(os.fspath(filename), writer, fps, dpi, *more, **options)
            return
        if more or options:
            arguments = ", ".join([*map(repr, more), *options])
            raise TypeError(
                f"Animation.save: {arguments} is only for a video, or for one of matplotlib's writers. "
                "Fix: pass writer='pillow'"
            )
        if suffix == ".html":
            title = html.escape(pathlib.PurePath(filename).stem)
            page = f'<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>\n'
            page += f"<body>\n{self._repr_html_(fps, dpi)}\n</body>\n</html>\n"
            pathlib.Path(filename).write_text(page, encoding="utf-8")
        elif suffix in PILLOW_FORMAT:
            pathlib.Path(filename).write_bytes(self._encode(PILLOW_FORMAT[suffix], fps, dpi))
        else:
            known = ", ".join([*PILLOW_FORMAT, ".html", *VIDEO])
            raise ValueError(f"Animation.save: filename must end in one of {known}, got {os.fspath(filename)!r}")

    def to_html5_video(self, embed_limit: float | None = None) -> str:
        """Return an HTML element that shows the film: a video if ffmpeg is installed, else an animated image.

        Args:
            embed_limit: Largest size of the video in MB, see matplotlib.

        Returns:
            A ``<video>`` or an ``<img>`` element.
        """
        return super().to_html5_video(embed_limit) if writers.is_available("ffmpeg") else self._repr_html_()

    def _repr_html_(self, fps: float | None = None, dpi: float | None = None) -> str:
        """Return the film for a notebook or a page: an animated image, the same with and without ffmpeg."""
        # every browser plays animated PNG, and every Pillow writes it
        data = base64.b64encode(self._encode("PNG", fps, dpi)).decode("ascii")
        alt = f"Animation of {self.num_frames} frames"
        return f'<img alt="{alt}" style="max-width: 100%" src="data:image/png;base64,{data}">'

    def _encode(self, form: str, fps: float | None, dpi: float | None) -> bytes:
        if fps is not None and not (is_number(fps) and fps > 0):
            raise ValueError(f"Animation.save: fps must be greater than 0, in frames per second, got {fps}")
        delay = float(self.interval if fps is None else 1000 / fps)
        tick = 10 if form == "GIF" else 1  # GIF counts hundredths of a second, the others milliseconds
        # the end of each frame is rounded, not its duration, so that the film's length is right
        ends = np.round(np.arange(self.num_frames + 1) * delay / tick).astype(int) * tick
        first, *others = self._drawn(dpi)
        file = io.BytesIO()
        durations = np.diff(ends).tolist()
        options = {"lossless": True, "quality": 0, "method": 0} if form == "WEBP" else {}
        first.save(file, form, save_all=True, append_images=others, duration=durations, loop=0, **options)
        return file.getvalue()

    def _drawn(self, dpi: float | None) -> Iterator[Image.Image]:
        """Return every frame as pixels, whatever the figure's canvas; the figure keeps its canvas and size."""
        canvas, own_dpi = self.figure.canvas, self.figure.dpi
        try:
            pixels = FigureCanvasAgg(self.figure)
            self.figure.set_dpi(own_dpi if dpi is None else dpi)
            for drawn in self.draw(pixels, self.show, range(self.num_frames)):
                image = Image.fromarray(drawn)
                if drawn[..., 3].min() < 255:
                    # a transparent background would let earlier frames shine through
                    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
                yield image.convert("RGB")
        finally:
            self.figure.set_canvas(canvas)
            self.figure.set_dpi(own_dpi)
