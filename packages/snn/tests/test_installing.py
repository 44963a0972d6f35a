"""Tests of the command that a user is told to type where a piece is missing."""

from __future__ import annotations

import json
import shutil
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

import snn
from snn import _installing
from snn._installing import command, extra, hint
from snn.versions import PIECES

THE_OTHER_PROJECT = "0.4"  # the last version that the public index has of the project that bore the name before


class Recorded:
    """The record of an installer about a distribution."""

    def __init__(self, record: dict | None) -> None:
        self.record = record

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self.record is None else json.dumps(self.record)


@pytest.fixture
def recorded(monkeypatch):
    """Pretend records by the name of the distribution; those of the others say nothing. pip is that of this path."""
    records: dict[str, dict] = {}
    monkeypatch.setattr(metadata, "distribution", lambda name: Recorded(records.get(name)))
    monkeypatch.setattr(_installing, "PathFinder", SimpleNamespace(find_spec=lambda name: name))
    monkeypatch.setattr(shutil, "which", lambda name: str(Path(sys.executable).with_name(name)))
    return records


@pytest.mark.parametrize("piece", PIECES)
def test_pip_is_never_asked_for_a_requirement_that_the_projects_predecessor_fulfills(piece: str, recorded):
    text, _ = command(extra(piece))
    need = Requirement(text.removeprefix("pip install ").strip("'"))
    assert need.name == "snn"
    assert need.specifier.contains(snn.__version__)
    assert not need.specifier.contains(THE_OTHER_PROJECT, prereleases=True)


@pytest.mark.parametrize("piece", [piece for piece in PIECES if piece not in ("snn", "snn-core")])
def test_the_extra_is_one_that_the_umbrella_has(piece: str):
    (name,) = Requirement(extra(piece)).extras
    assert name in metadata.metadata("snn").get_all("Provides-Extra")


def test_packages_missing_from_an_index_are_named_with_the_index(recorded):
    hinted = "pip install 'snn[plot]>=0.5', with the --find-links that snn was installed with, if any"
    assert hint("snn[plot]") == hinted


def test_requirements_beside_the_umbrella_are_unchanged(recorded):
    assert command("snn[demo]", "snn-data[vowels]")[0] == "pip install 'snn[demo]>=0.5' 'snn-data[vowels]'"


def test_the_folders_of_the_wheels_that_are_installed_are_named_once_each(recorded, tmp_path):
    for folder in ("some wheels", "native"):
        (tmp_path / folder).mkdir()
    for name, folder in (("snn", "some wheels"), ("snn-core", "some wheels"), ("snn-cpu", "native")):
        wheel = tmp_path / folder / f"{name}.whl"
        recorded[name] = {"url": wheel.as_uri(), "archive_info": {"hash": "sha256=0"}}
    expected = f"pip install 'snn[plot]>=0.5' --find-links '{tmp_path}/some wheels' --find-links {tmp_path}/native"
    assert hint("snn[plot]") == expected


@pytest.mark.parametrize("url", ["https://example.org/snn.whl", "file:///there/is/no/such/folder/snn.whl"])
def test_a_missing_folder_is_not_named(recorded, url):
    recorded["snn"] = {"url": url, "archive_info": {}}
    assert "--find-links that snn was installed with" in hint("snn[plot]")
    assert "example.org" not in hint("snn[plot]")


def test_the_package_folders_of_an_editable_checkout_are_named(recorded, tmp_path, monkeypatch):
    for name in ("snn", "snn-plot", "snn-functional", "snn-data"):
        (tmp_path / name).mkdir()
    recorded["snn"] = {"url": (tmp_path / "snn").as_uri(), "dir_info": {"editable": True}}
    needs = [
        "torch>=2.10",
        "snn-plot>=0.5; extra == 'plot'",
        "matplotlib>=3.8; extra == 'demo'",
        "snn[functional,plot]; extra == 'demo'",
        "snn-functional[progress]>=0.5; extra == 'functional'",
        "snn-data[digits]>=0.5; extra == 'demo'",
    ]
    monkeypatch.setattr(metadata, "requires", lambda name: needs)
    assert hint("snn[plot]") == f"pip install -e {tmp_path}/snn-plot"
    assert hint("snn[of_a_newer_snn]") == f"pip install -e '{tmp_path}/snn[of_a_newer_snn]'"
    assert hint("snn-data[vowels]") == f"pip install -e '{tmp_path}/snn-data[vowels]'"
    words = hint("snn[demo]").split()
    assert set(words[2:]) == {
        "'matplotlib>=3.8'",
        "-e",
        f"{tmp_path}/snn-plot",
        f"'{tmp_path}/snn-functional[progress]'",
        f"'{tmp_path}/snn-data[digits]'",
    }


def test_a_pip_of_another_environment_is_not_named_alone(recorded, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/elsewhere/{name}")
    assert hint("snn[plot]").startswith(f"{sys.executable} -m pip install 'snn[plot]>=0.5'")


@pytest.mark.parametrize("uv", [None, "/somewhere/uv"])
def test_uv_is_used_where_there_is_no_pip(recorded, monkeypatch, uv):
    monkeypatch.setattr(_installing, "PathFinder", SimpleNamespace(find_spec=lambda name: None))
    monkeypatch.setattr(shutil, "which", lambda name: uv)
    installer = f"uv pip install --python {sys.executable}" if uv else "pip install"
    assert hint("snn[plot]").startswith(f"{installer} 'snn[plot]>=0.5'")


def test_on_windows_words_are_in_double_quotes(recorded, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert hint("snn[plot]").startswith('pip install "snn[plot]>=0.5", with the --find-links')
    folder = tmp_path / "some wheels"
    folder.mkdir()
    recorded["snn"] = {"url": (folder / "snn.whl").as_uri(), "archive_info": {}}
    assert hint("snn[plot]") == f'pip install "snn[plot]>=0.5" --find-links "{folder}"'
    monkeypatch.setattr(shutil, "which", lambda name: None)
    for program in (r"C:\py\python.exe", r'"C:\my py\python.exe"'):
        monkeypatch.setattr(sys, "executable", program.strip('"'))
        assert hint("snn[plot]").startswith(f'{program} -m pip install "snn[plot]>=0.5" ')


def test_on_windows_the_folders_of_a_checkout_are_in_double_quotes(recorded, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    for name in ("snn", "snn-plot"):
        (tmp_path / "my code" / name).mkdir(parents=True)
    recorded["snn"] = {"url": (tmp_path / "my code" / "snn").as_uri(), "dir_info": {"editable": True}}
    needs = ["snn-plot>=0.5; extra == 'plot'", "matplotlib>=3.8; extra == 'plot'"]
    monkeypatch.setattr(metadata, "requires", lambda name: needs)
    assert hint("snn[plot]") == f'pip install -e "{tmp_path}/my code/snn-plot" "matplotlib>=3.8"'


class Noting:
    """A finder of modules like that of setuptools, which acts on what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        self.asked.append(name)


def test_no_finder_of_modules_is_asked_for_pip(monkeypatch):
    # that of setuptools takes distutils from the standard library from then on, and torch.compile fails for it
    finder = Noting()
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    assert "install" in hint("snn[plot]")
    assert "pip" not in finder.asked
