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
def peer_plots() -> Iterator[ModuleType]:
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
def test_a_plot_takes_the_peers_arguments_in_its_order(peer_plots, name):
    peers = [p for p in inspect.signature(getattr(peer_plots, name)).parameters.values() if p.kind is not p.VAR_KEYWORD]
    parameters = list(inspect.signature(getattr(ours, name)).parameters.values())
    assert [p.name for p in parameters[: len(peers)]] == [p.name for p in peers]
    for left, right in zip(parameters, peers, strict=False):
        # False stands for "not given" at the peer, and a required argument may become an optional one
        is_set = right.default not in (False, inspect.Parameter.empty)
        assert right.name == "dim" or left.default == (right.default if is_set else left.default)


@pytest.mark.parametrize("data", [SPK, SPK[:, 0], torch.zeros(4, 3)], ids=["neurons", "one neuron", "silent"])
def test_a_raster_has_the_peers_marks(peer_plots, data):
    ax, peers = plt.figure().subplots(1, 2)
    peer_plots.raster(data, peers, s=1.5, c="black")
    ours.raster(data, ax, s=1.5, c="black")
    (left,), (right,) = ax.collections, peers.collections
    assert left.get_offsets().tolist() == right.get_offsets().tolist()
    assert left.get_sizes().tolist() == right.get_sizes().tolist()
    assert left.get_facecolor().tolist() == right.get_facecolor().tolist()


def test_a_raster_shows_the_peers_part_of_time_and_the_silent_rest(peer_plots):
    quiet = torch.zeros(40, 9)
    quiet[11:20, 2:7] = SPK
    ax, peers = plt.figure().subplots(1, 2)
    peer_plots.raster(quiet, peers)
    ours.raster(quiet, ax)
    steps, rows = ax.collections[0].get_offsets().T
    margin = ax.margins()[0]
    assert peers.dataLim.intervalx.tolist() == [steps.min(), steps.max()]
    assert ax.dataLim.intervalx.tolist() == [-0.5, 39.5]
    assert ax.dataLim.intervaly.tolist() == [-0.5, 8.5]
    assert ax.get_xlim() == pytest.approx((-0.5 - 40 * margin, 39.5 + 40 * margin))
    assert (rows.min(), rows.max()) == (2, 6)


@pytest.mark.parametrize("name", ["raster", "spike_count"])
def test_labels_that_a_program_sets_before_or_after_stay(name):
    for before in (True, False):
        figure, ax = plt.subplots()
        if before:
            ax.set(xlabel="Time step", ylabel="Neuron Number", title="Input Layer")
        _ = ours.raster(SPK, ax) if name == "raster" else ours.spike_count(SPK, figure, ax, list("abcde"))
        if not before:
            ax.set(xlabel="Time step", ylabel="Neuron Number", title="Input Layer")
        assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("Time step", "Neuron Number", "Input Layer")


@pytest.mark.parametrize("before", [True, False])
def test_limits_that_a_program_sets_for_a_raster_are_the_peers(peer_plots, before):
    axes, peers = plt.figure().subplots(1, 2)
    for ax, module in ((axes, ours), (peers, peer_plots)):
        if before:
            ax.set(xlim=(2, 7), ylim=(1, 3))
        module.raster(SPK, ax)
        if not before:
            ax.set(xlim=(2, 7), ylim=(1, 3))
    assert (axes.get_xlim(), axes.get_ylim()) == (peers.get_xlim(), peers.get_ylim()) == ((2, 7), (1, 3))


def test_counts_are_bars_from_0_where_the_peer_draws_points_from_1():
    figure, ax = plt.subplots()
    ours.spike_count(SPK, figure, ax, list("abcde"), time_step=1e-3)
    bars = ax.containers[0]
    assert [bar.get_width() for bar in bars] == SPK.sum(0).tolist()
    assert [bar.get_y() + bar.get_height() / 2 for bar in bars] == pytest.approx(range(5))
    assert [tick.get_text() for tick in ax.get_yticklabels()] == list("abcde")
    assert ax.get_xlim() == pytest.approx((0, 1.1 * float(SPK.sum(0).max())))  # the peer's ends with the last step
    assert ax.get_xlabel() == "Spikes in 0.009 s"


def test_few_traces_without_a_grid_are_on_one_axes_where_the_peer_has_no_call(peer_plots):
    with pytest.raises(IndexError):
        peer_plots.traces(MEM[:, :4])
    plt.figure()
    assert len(ours.traces(MEM[:, :4]).lines) == 4
    plt.figure()
    peer_plots.traces(MEM)
    assert [each.axison for each in plt.gcf().axes] == [False] * 9
    plt.figure()
    assert [each.axison for each in ours.traces(MEM).flat] == [True] * 9


@pytest.mark.parametrize("spk", [None, (MEM > 1).float()], ids=["membrane", "spikes on top"])
@pytest.mark.parametrize("dim", [(3, 3), (2, 4)])
def test_a_grid_of_traces_has_the_peers_lines_and_titles(peer_plots, spk, dim):
    result = []
    for module in (ours, peer_plots):
        figure = plt.figure()
        module.traces(MEM, spk, dim, 3, ["a", "b"])
        result.append(
            [(ax.lines[0].get_ydata().tolist(), ax.get_title(), ax.get_subplotspec().num1) for ax in figure.axes]
        )
    assert result[0] == result[1]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of the peer's call
def test_an_animation_shows_the_peers_frames_at_its_pace(peer_plots):
    data = torch.rand(5, 3, 4)
    figure, (ax, peers) = plt.subplots(1, 2)
    plt.sca(peers)
    animations = [ours.animator(data, figure, ax, 4, 50), peer_plots.animator(data, figure, peers, 4, 50)]
    assert animations[0].num_frames == len(peers.images) == 4
    for frame, image in enumerate(peers.images):
        (artists,) = animations[0].show(frame)
        assert artists.get_array().tolist() == image.get_array().tolist()
        assert artists.get_clim() == image.get_clim()
        assert artists.get_cmap() == image.get_cmap()
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
    """The tensors that a loop over time collects, with the size of the tensor it will be."""

    def size(self) -> torch.Size:
        return torch.stack(self).size()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_the_peers_docstring_runs_after_renaming(peer_plots, name, tmp_path, monkeypatch):
    pages: list[str] = []
    notebook = types.ModuleType("IPython.display")
    notebook.HTML = pages.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    monkeypatch.setenv("PATH", str(tmp_path))  # no ffmpeg
    monkeypatch.setattr(plt, "show", lambda: None)
    monkeypatch.chdir(tmp_path)
    spikes = torch.rand(10, 2, 1, 28, 28).round()
    names = {
        # the text of the raster's example passes pixels [28, 28] a step, which neither package draws
        "spike_data": spikes.flatten(3) if name == "raster" else spikes,
        "spk_rec": Steps(torch.rand(25, 2, 10).round()),
        "mem_rec": torch.randn(100, 9),
        "traces": ours.traces,
        "HTML": pages.append,
        "torch": torch,
        "print": lambda *_: None,
    }
    program = example(getattr(peer_plots, name))
    assert "import snn.spikeplot as splt" in program
    with matplotlib.rc_context({"savefig.dpi": 15}):
        exec(compile(program.replace("dpi=300", "dpi=15"), name, "exec"), names)
    films = list(pathlib.Path().glob("*.gif"))
    assert len(films) == len(pages) == (name in ("animator", "spike_count"))
    for film, page in zip(films, pages, strict=True):
        with Image.open(film) as image:
            assert image.n_frames > 9
        assert page.startswith("<img")
    assert "snn_plot" in sys.modules
    assert snn.spikeplot is ours
