"""A version is the same wherever it is stated."""

from __future__ import annotations

import importlib
import importlib.metadata
import pathlib
import re
import subprocess

import pytest
from packaging.version import Version

import recorded
from release import changelog, ranges
from workspace import PROJECTS, ROOT, built, module, source


@pytest.mark.parametrize("name", PROJECTS)
def test_source_module_metadata_and_wheel_agree(name: str):
    stated = recorded.version_in((source(name) / "_version.py").read_text(encoding="utf-8"))
    assert importlib.import_module(module(name)).__version__ == stated
    assert importlib.metadata.version(name) == stated
    assert built(name, ".whl").name.split("-")[1] == stated


@pytest.mark.parametrize("name", PROJECTS)
def test_the_list_of_changes_begins_with_this_version(name: str):
    text = (ROOT / "packages" / name / "CHANGELOG.md").read_text(encoding="utf-8")
    version = Version(recorded.version_in((source(name) / "_version.py").read_text(encoding="utf-8")))
    heading = re.search(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert heading is not None
    assert heading[1] in ({"Unreleased"} if version.is_devrelease else {"Unreleased", str(version)})


@pytest.mark.parametrize("name", PROJECTS)
def test_an_installer_takes_the_versions_of_the_tree_together(name: str):
    for requirement in ranges.of_ours((ROOT / "packages" / name / "pyproject.toml").read_text("utf-8"), PROJECTS):
        version = Version(recorded.version_in((source(requirement.name) / "_version.py").read_text(encoding="utf-8")))
        assert requirement.specifier.contains(version, prereleases=True)
        # pip and uv look at development versions only where a range names one
        assert requirement.specifier.prereleases or not version.is_prerelease, str(requirement)


def test_the_umbrella_outranks_the_unrelated_project_of_its_name():
    version = Version(importlib.metadata.version("snn"))
    assert version >= Version("0.5")
    assert not version.is_prerelease


@pytest.mark.parametrize("name", PROJECTS)
def test_releases_dated_in_a_changelog_are_recorded_with_their_commit(name: str):
    dated = changelog.released((ROOT / "packages" / name / "CHANGELOG.md").read_text(encoding="utf-8"))
    known = recorded.last(ROOT).get(name)
    version = recorded.version_in((source(name) / "_version.py").read_text(encoding="utf-8"))
    # the commit of a release cannot name itself: the next one does
    assert dated == (known and known.version) or dated == version


def test_every_recorded_commit_and_every_tag_holds_the_version_that_it_is_of():
    assert recorded.wrong(ROOT) == {}


def test_the_pages_that_pin_a_release_pin_the_last_one():
    (version, commit), docs = recorded.last(ROOT)["snn"], ROOT / "docs"
    page = (docs / "test-your-version-matrix.md").read_text(encoding="utf-8")
    assert {*re.findall(r"snn-(\d[\d.]*\d)", page)} == {*re.findall(r"This page pins (\d[\d.]*\d)", page)} == {version}
    assert re.findall(r"git checkout (\w+)", page) == [commit]
    pins = re.findall(r"^(snn-\w+)==(\S+)$", (docs / "pin-a-backend.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert pins == [(name, recorded.last(ROOT)[name].version) for name in ("snn-core", "snn-cpu")]


def git(folder: pathlib.Path, *arguments: str) -> None:
    identity = ("-c", "user.name=snn", "-c", "user.email=snn@localhost", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: pathlib.Path) -> pathlib.Path:
    """A repository with a release of the core that is recorded."""
    file = tmp_path / "packages" / "snn-core" / "src" / "snn_core" / "_version.py"
    file.parent.mkdir(parents=True)
    file.write_text('__version__ = "0.5.0"\n', encoding="utf-8")
    (tmp_path / recorded.FILE).touch()
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "Release")
    recorded.add(tmp_path, {"snn-core": "0.5.0"}, recorded.committed(tmp_path, {"snn-core": "0.5.0"}))
    return tmp_path


def test_a_release_is_recorded_once_it_is_committed(repository: pathlib.Path):
    released = recorded.last(repository)["snn-core"]
    assert released == ("0.5.0", recorded.committed(repository, {}))
    with pytest.raises(ValueError, match=r"^snn-core: the last commit has 0\.5\.0, not 0\.5\.1: commit the rel"):
        recorded.committed(repository, {"snn-core": "0.5.1"})


def test_the_last_release_is_the_highest_version(repository: pathlib.Path):
    before = recorded.last(repository)
    for version in ("0.10.0", "0.9.0"):
        recorded.add(repository, {"snn-plot": version, "snn": version}, "1" * 40)
    assert recorded.last(repository) == before | dict.fromkeys(("snn", "snn-plot"), ("0.10.0", "1" * 40))
    text = (repository / recorded.FILE).read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("[")] == ["[snn]", "[snn-core]", "[snn-plot]"]
    assert text.index('"0.9.0"') < text.index('"0.10.0"')


def test_a_commit_with_another_version_is_found_and_a_missing_one_left_out(repository: pathlib.Path):
    assert recorded.wrong(repository) == {}
    recorded.add(repository, {"snn-core": "0.6.0"}, recorded.committed(repository, {}))
    recorded.add(repository, {"snn-core": "0.7.0"}, "1" * 40)
    assert recorded.wrong(repository) == {"snn-core-v0.6.0": "0.5.0"}


@pytest.mark.parametrize("annotated", [(), ("-a", "-m", "Release")], ids=["light", "annotated"])
def test_a_tag_that_promises_another_version_or_leads_elsewhere_is_found(repository: pathlib.Path, annotated):
    git(repository, "tag", *annotated, "snn-core-v0.5.0")
    assert recorded.wrong(repository) == {}
    git(repository, "tag", *annotated, "snn-core-v0.6.0")
    git(repository, "tag", *annotated, "snn-plot-v0.5.0")
    assert recorded.wrong(repository) == {"snn-core-v0.6.0": "0.5.0", "snn-plot-v0.5.0": "no such package"}
    git(repository, "commit", "-q", "--allow-empty", "-m", "Go on")
    git(repository, "tag", "-f", *annotated, "snn-core-v0.5.0")
    tagged = recorded.committed(repository, {})
    assert recorded.wrong(repository)["snn-core-v0.5.0"] == f"tag at {tagged}"
