"""Files are there whole or not at all."""

from __future__ import annotations

import os
import pathlib

import pytest

from snn_export.c.folder import write_folder

FILES = {"net.h": "one", "net.c": "two"}


def contents(folder):
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_files_of_other_names_stay_and_those_of_the_same_are_replaced(tmp_path):
    (tmp_path / "net.c").write_text("old")
    (tmp_path / "mine.c").write_text("mine")
    write_folder(tmp_path, FILES)
    assert contents(tmp_path) == {**FILES, "mine.c": "mine"}


def test_an_error_leaves_nothing_and_what_was_there(tmp_path):
    folder = tmp_path / "c"
    with pytest.raises(UnicodeEncodeError):
        write_folder(folder, {**FILES, "net_main.c": "μ"})
    assert not [*tmp_path.iterdir()]
    write_folder(folder, FILES)
    with pytest.raises(UnicodeEncodeError):
        write_folder(folder, {"net.h": "new", "net_main.c": "μ"})
    assert contents(folder) == FILES
    assert [*tmp_path.iterdir()] == [folder]


def test_a_disk_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    folder = write_folder(tmp_path / "c", FILES)

    def fails(descriptor: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="no space"):
        write_folder(folder, {"net.h": "new", "net.c": "new"})
    assert contents(folder) == FILES
    assert [*tmp_path.iterdir()] == [folder]


def test_nothing_is_made_beside_a_folder_that_exists(tmp_path, monkeypatch):
    make, parents = pathlib.Path.mkdir, []

    def noted(path: pathlib.Path) -> None:
        parents.append(path.parent)
        make(path)

    monkeypatch.setattr(pathlib.Path, "mkdir", noted)
    for _ in range(2):
        write_folder(tmp_path / "c", FILES)
    assert parents == [tmp_path, tmp_path / "c"]
    assert contents(tmp_path / "c") == FILES


def test_paths_that_cannot_be_folders_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="is a file"):
        write_folder(tmp_path / "file", FILES)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        write_folder(tmp_path / "no" / "c", FILES)
    (tmp_path / "c" / "net.c").mkdir(parents=True)
    with pytest.raises(IsADirectoryError, match=r"net\.c is a folder"):
        write_folder(tmp_path / "c", FILES)
    assert not [*(tmp_path / "c" / "net.c").iterdir()]
