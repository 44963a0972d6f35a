"""Plots beside the peer's: the same marks and lines for the same call, and the examples of its docstrings run."""

from __future__ import annotations

import importlib
import inspect
import pathlib
import re
import sys
import textwrap
import types
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import matplotlib
import pytest
import torch

matplotlib.use("agg")

import matplotlib.pyplot as plt
from PIL import Image

import snn
from snn import spikeplot as ours

FUNCTIONS = ["animator", "raster", "spike_count", "traces"]


@pytest.fixture(scope="module")
def theirs() -> Iterator[ModuleType]:
    """The peer's module, which imports pandas and declares no such dependency; spike_count alone uses it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "pandas", types.ModuleType("pandas"))
        yield importlib.import_module("snntorch.spikeplot")


@pytest.fixture(autouse=True)
def small_figures() -> Iterator[None]:
    with matplotlib.rc_context({"figure.dpi": 15}):
        yield
    plt.close("all")


SPK = (torch.rand(9, 5, generator=torch.Generator().manual_seed(0)) < 0.4).float()
MEM = torch.randn(9, 12, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_plot_takes_the_peers_arguments_in_its_order(theirs, name):
    peers = [p for p in inspect.signature(getattr(theirs, name)).parameters.values() if p.kind is not p.VAR_KEYWORD]
    mine = list(inspect.signature(getattr(ours, name)).parameters.values())
    assert [p.name for p in mine[: len(peers)]] == [p.name for p in peers]
    for left, right in zip(mine, peers, strict=False):
        # False stands for "not given" at the peer, and a required argument may become an optional one
        given = right.default not in (False, inspect.Parameter.empty)
        assert right.name == "dim" or left.default == (right.default if given else left.default)


@pytest.mark.parametrize("data", [SPK, SPK[:, 0], torch.zeros(4, 3)], ids=["neurons", "one neuron", "silent"])
def test_a_raster_has_the_peers_marks(theirs, data):
    mine, peers = plt.figure().subplots(1, 2)
    theirs.raster(data, peers, s=1.5, c="black")
    ours.raster(data, mine, s=1.5, c="black")
    (left,), (right,) = mine.collections, peers.collections
    assert left.get_offsets().tolist() == right.get_offsets().tolist()
    assert left.get_sizes().tolist() == right.get_sizes().tolist()
    assert left.get_facecolor().tolist() == right.get_facecolor().tolist()


@pytest.mark.parametrize("spk", [None, (MEM > 1).float()], ids=["membrane", "spikes on top"])
@pytest.mark.parametrize("dim", [(3, 3), (2, 4)])
def test_a_grid_of_traces_has_the_peers_lines_and_titles(theirs, spk, dim):
    found = []
    for module in (ours, theirs):
        figure = plt.figure()
        module.traces(MEM, spk, dim, 3, ["a", "b"])
        found.append(
            [(ax.lines[0].get_ydata().tolist(), ax.get_title(), ax.get_subplotspec().num1) for ax in figure.axes]
        )
    assert found[0] == found[1]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of the peer's call
def test_an_animation_shows_the_peers_frames_at_its_pace(theirs):
    data = torch.rand(5, 3, 4)
    figure, (mine, peers) = plt.subplots(1, 2)
    plt.sca(peers)
    animations = [ours.animator(data, figure, mine, 4, 50), theirs.animator(data, figure, peers, 4, 50)]
    assert animations[0].num_frames == len(peers.images) == 4
    for frame, image in enumerate(peers.images):
        (drawn,) = animations[0].show(frame)
        assert drawn.get_array().tolist() == image.get_array().tolist()
        assert drawn.get_clim() == image.get_clim()
        assert drawn.get_cmap() == image.get_cmap()
    assert animations[0].interval == 50
    figure.canvas.draw()


def example(function: Any) -> str:
    """The program in a docstring of the peer's, with its imports renamed and without what it says is printed."""
    text = inspect.getdoc(function)
    (program,) = re.findall(r"Example::\n\n(.*?)(?=\n:param|\Z)", text, re.DOTALL)
    lines: list[str] = []
    for line in textwrap.dedent(program).splitlines():
        # a comment that goes on in the next line is not marked as one there
        if line.startswith(">>>") or (lines and lines[-1].startswith("#") and re.search(r"``|^[a-z0-9 ]+$", line)):
            continue
        lines.append(line)
    return "\n".join(lines).replace("snntorch", "snn")


class Steps(list):
    """What a loop over time collects, with the size of the tensor it will be."""

    def size(self) -> torch.Size:
        return torch.stack(self).size()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_the_peers_docstring_runs_after_renaming(theirs, name, tmp_path, monkeypatch):
    shown: list[str] = []
    notebook = types.ModuleType("IPython.display")
    notebook.HTML = shown.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    monkeypatch.setenv("PATH", str(tmp_path))  # no ffmpeg
    monkeypatch.setattr(plt, "show", lambda: None)
    monkeypatch.chdir(tmp_path)
    spikes = torch.rand(10, 2, 1, 28, 28).round()
    given = {
        # the text of the raster's example passes pixels [28, 28] a step, which neither package draws
        "spike_data": spikes.flatten(3) if name == "raster" else spikes,
        "spk_rec": Steps(torch.rand(25, 2, 10).round()),
        "mem_rec": torch.randn(100, 9),
        "traces": ours.traces,
        "HTML": shown.append,
        "torch": torch,
        "print": lambda *_: None,
    }
    program = example(getattr(theirs, name))
    assert "import snn.spikeplot as splt" in program
    with matplotlib.rc_context({"savefig.dpi": 15}):
        exec(compile(program.replace("dpi=300", "dpi=15"), name, "exec"), given)
    films = list(pathlib.Path().glob("*.gif"))
    assert len(films) == len(shown) == (name in ("animator", "spike_count"))
    for film, page in zip(films, shown, strict=True):
        with Image.open(film) as opened:
            assert opened.n_frames > 9
        assert page.startswith("<img")
    assert "snn_plot" in sys.modules
    assert snn.spikeplot is ours
