"""The last releases, and which versions the declared ranges let stand beside each other."""

from __future__ import annotations

import pathlib
import subprocess
import zipfile

import pytest

from matrix.releases import Built, UnfitError, export, fitting, read


def git(folder: pathlib.Path, *arguments: str) -> None:
    identity = ("-c", "user.name=snn", "-c", "user.email=snn@localhost", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def commit(folder: pathlib.Path, name: str) -> str:
    command = ["git", "rev-parse", name]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "a.txt").write_text("old", encoding="utf-8")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "One")
    (folder / "a.txt").write_text("new", encoding="utf-8")
    git(folder, "commit", "-q", "-a", "-m", "Two")
    return folder


def wheel(folder: pathlib.Path, name: str, version: str, *requires: str) -> Built:
    """A wheel that is metadata only."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {text}" for text in requires)]
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{file.stem.rsplit('-', 3)[0]}.dist-info/METADATA", "\n".join(lines) + "\n\nText")
    return read(file)


def test_the_tree_of_a_commit_is_written_as_it_was(repository: pathlib.Path, tmp_path: pathlib.Path):
    export(repository, commit(repository, "HEAD~"), tmp_path / "then")
    assert (tmp_path / "then" / "a.txt").read_text(encoding="utf-8") == "old"


def test_a_commit_that_a_shallow_clone_does_not_have_is_an_error_with_the_remedy(
    repository: pathlib.Path, tmp_path: pathlib.Path
):
    old, clone = commit(repository, "HEAD~"), tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth=1", repository.as_uri(), str(clone))
    with pytest.raises(ValueError, match=rf"^commit {old} is not in this clone: git fetch --unshallow fetches"):
        export(clone, old, tmp_path / "then")
    assert not (tmp_path / "then").exists()
    git(clone, "fetch", "-q", "--unshallow")
    export(clone, old, tmp_path / "then")
    assert (tmp_path / "then" / "a.txt").read_text(encoding="utf-8") == "old"


def test_a_wheel_says_version_and_what_it_needs_without_extras(tmp_path: pathlib.Path):
    built = wheel(tmp_path, "snn-x", "1.2", "snn-core<2", 'tqdm; extra == "more"', 'old; python_version < "3"')
    assert (str(built.version), [str(requirement) for requirement in built.requires]) == ("1.2", ["snn-core<2"])


def test_preferred_versions_are_chosen_where_ranges_allow(tmp_path: pathlib.Path):
    tree = {
        "core": wheel(tmp_path / "t", "core", "0.5.1.dev0"),
        "leaf": wheel(tmp_path / "t", "leaf", "1", "core>=0.5,<0.6"),
    }
    last = {"leaf": wheel(tmp_path / "l", "leaf", "0.9", "core>=0.5,<0.6")}
    choice = fitting("core", {**last, "core": tree["core"]}, tree)
    assert choice.wheels == {"core": tree["core"].wheel, "leaf": last["leaf"].wheel}
    assert choice.apart == {}


def test_a_release_incompatible_with_the_tree_is_replaced_and_the_range_named(tmp_path: pathlib.Path):
    tree = {"core": wheel(tmp_path / "t", "core", "0.6.0.dev0"), "leaf": wheel(tmp_path / "t", "leaf", "1", "core<0.7")}
    last = {"leaf": wheel(tmp_path / "l", "leaf", "0.9", "core>=0.5,<0.6.0.dev0")}
    choice = fitting("core", {**last, "core": tree["core"]}, tree)
    assert choice.wheels["leaf"] == tree["leaf"].wheel
    assert choice.apart == {"leaf": "leaf 0.9 requires core<0.6.0.dev0,>=0.5, not 0.6.0.dev0"}


def test_a_tree_that_needs_more_than_the_release_brings_the_trees(tmp_path: pathlib.Path):
    tree = {
        "core": wheel(tmp_path / "t", "core", "0.5.1.dev0"),
        "leaf": wheel(tmp_path / "t", "leaf", "1", "core>=0.5.1.dev0"),
    }
    last = {"core": wheel(tmp_path / "l", "core", "0.5.0")}
    choice = fitting("leaf", {**last, "leaf": tree["leaf"]}, tree)
    assert choice.wheels["core"] == tree["core"].wheel
    assert choice.apart == {"core": "leaf 1 requires core>=0.5.1.dev0, not 0.5.0"}


def test_a_tree_incompatible_with_itself_is_an_error(tmp_path: pathlib.Path):
    tree = {"core": wheel(tmp_path, "core", "0.5.1.dev0"), "leaf": wheel(tmp_path, "leaf", "1", "core>=0.7")}
    with pytest.raises(UnfitError, match=r"leaf 1 requires core>=0.7, not 0.5.1.dev0"):
        fitting("leaf", {"leaf": tree["leaf"]}, tree)
