"""The digits net of the zoo in WebAssembly: its size, its spikes, and the program of the page."""

from __future__ import annotations

import pathlib

import pytest
import torch

import snn
from in_c.compiling import Library, command
from in_c.in_node import Node
from workspace import ROOT

PAGE = (ROOT / "docs" / "deploy-browser.md").read_text(encoding="utf-8")
MOST_BYTES = 300 * 1024


def test_the_net_of_the_zoo_is_as_often_right_as_in_pytorch_with_the_spikes_of_c(tmp_path):
    net = snn.zoo.load("digits")
    xs, targets, *_ = snn.zoo.samples("digits")
    host, right = Library(net, xs[0, :1], tmp_path / "host"), 0
    with Node() as node:
        web = node.compiled(net, xs[0, :1], tmp_path / "web")
        for k in range(xs.shape[1]):
            host.reset()
            web.reset()
            spikes = torch.stack([web(x) for x in xs[:, k]])
            assert torch.equal(spikes, torch.stack([host(x) for x in xs[:, k]])), k
            right += int(spikes.sum(0).argmax() == targets[k])
    assert right == snn.zoo.manifest("digits")["right"]
    assert sum(file.stat().st_size for file in (tmp_path / "web").iterdir()) < MOST_BYTES


def block(language: str) -> str:
    """Return the program of the page in a language."""
    return PAGE.partition(f"```{language}\n")[2].partition("```")[0]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder of the page's program in Python."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(block("python no-run"), {})
    return folder


def test_the_programs_of_the_page_run(exported):
    (exported / "program.mjs").write_text(block("js"), encoding="utf-8")
    ran = command("node", "program.mjs", folder=exported)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "digit 1\n", "")


def test_the_sizes_on_the_page_are_those_of_the_files(exported):
    sizes = {file.suffix: file.stat().st_size / 1000 for file in exported.glob("digits.*")}
    assert f"`digits.wasm` ({sizes['.wasm']:.0f} kB) and `digits.js` ({sizes['.js']:.0f} kB)" in PAGE
