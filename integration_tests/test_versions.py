"""A version is the same wherever it is stated."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import subprocess

import pytest
from packaging.version import Version

import tags
from release import ranges
from workspace import PROJECTS, ROOT, built, module, source


@pytest.mark.parametrize("name", PROJECTS)
def test_source_module_metadata_and_wheel_agree(name: str):
    stated = tags.version_in((source(name) / "_version.py").read_text(encoding="utf-8"))
    assert importlib.import_module(module(name)).__version__ == stated
    assert importlib.metadata.version(name) == stated
    assert built(name, ".whl").name.split("-")[1] == stated


@pytest.mark.parametrize("name", PROJECTS)
def test_the_list_of_changes_begins_with_this_version(name: str):
    text = (ROOT / "packages" / name / "CHANGELOG.md").read_text(encoding="utf-8")
    version = Version(tags.version_in((source(name) / "_version.py").read_text(encoding="utf-8")))
    heading = re.search(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert heading is not None
    assert heading[1] in ({"Unreleased"} if version.is_devrelease else {"Unreleased", str(version)})


@pytest.mark.parametrize("name", PROJECTS)
def test_an_installer_takes_the_versions_of_the_tree_together(name: str):
    for requirement in ranges.of_ours((ROOT / "packages" / name / "pyproject.toml").read_text("utf-8"), PROJECTS):
        version = Version(tags.version_in((source(requirement.name) / "_version.py").read_text(encoding="utf-8")))
        assert requirement.specifier.contains(version, prereleases=True)
        # pip and uv look at development versions only where a range names one
        assert requirement.specifier.prereleases or not version.is_prerelease, str(requirement)


def test_the_umbrella_outranks_the_unrelated_project_of_its_name():
    version = Version(importlib.metadata.version("snn"))
    assert version >= Version("0.5")
    assert not version.is_prerelease


def test_every_tag_of_the_repository_names_the_version_of_its_tree():
    assert tags.wrong_tags(ROOT, list(PROJECTS)) == {}


def test_a_tag_that_promises_another_version_is_found(tmp_path):
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=snn", "-c", "user.email=snn@localhost", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    file = tmp_path / "packages" / "snn-core" / "src" / "snn_core" / "_version.py"
    file.parent.mkdir(parents=True)
    file.write_text('__version__ = "0.5.0"\n', encoding="utf-8")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "Release")
    git("tag", "snn-core-v0.5.0")
    git("tag", "snn-core-v0.6.0")
    git("tag", "snn-plot-v0.5.0")
    wrong = tags.wrong_tags(tmp_path, ["snn-core", "snn-plot"])
    assert wrong == {"snn-core-v0.6.0": "0.5.0", "snn-plot-v0.5.0": "no such package"}
