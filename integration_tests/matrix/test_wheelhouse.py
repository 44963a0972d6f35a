"""Tests that only changed packages are built again."""

from __future__ import annotations

import pathlib

import pytest

import wheelhouse


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("1", encoding="utf-8")
    return tmp_path


def test_a_digest_depends_on_content_name_and_place_of_every_file(folder: pathlib.Path):
    digests = [wheelhouse.digest(folder)]
    (folder / "src" / "a.py").write_text("2", encoding="utf-8")
    digests.append(wheelhouse.digest(folder))
    (folder / "src" / "a.py").rename(folder / "src" / "b.py")
    digests.append(wheelhouse.digest(folder))
    (folder / "src" / "b.py").rename(folder / "b.py")
    digests.append(wheelhouse.digest(folder))
    (folder / "empty.py").touch()
    digests.append(wheelhouse.digest(folder))
    assert len({*digests}) == 5


def test_files_that_python_leaves_behind_do_not_count(folder: pathlib.Path):
    before = wheelhouse.digest(folder)
    (folder / "src" / "__pycache__").mkdir()
    (folder / "src" / "__pycache__" / "a.cpython-311.pyc").touch()
    assert wheelhouse.digest(folder) == before


def test_only_changed_or_missing_wheels_are_stale(tmp_path: pathlib.Path):
    now = {"snn-core": "1", "snn-plot": "2"}
    assert wheelhouse.stale(now, tmp_path) == ["snn-core", "snn-plot"]
    for name in ("snn_core", "snn_plot"):
        for ending in ("-py3-none-any.whl", ".tar.gz"):
            (tmp_path / f"{name}-0.5.0{ending}").touch()
    wheelhouse.stamp(now, tmp_path)
    assert wheelhouse.stale(now, tmp_path) == []
    assert wheelhouse.stale({**now, "snn-plot": "3"}, tmp_path) == ["snn-plot"]
    (tmp_path / "snn_core-0.5.0.tar.gz").unlink()
    assert wheelhouse.stale(now, tmp_path) == ["snn-core"]


def test_a_second_version_of_a_file_is_not_taken_for_the_built_one(tmp_path: pathlib.Path):
    for version in ("0.5.0", "0.6.0"):
        for ending in ("-py3-none-any.whl", ".tar.gz"):
            (tmp_path / f"snn_core-{version}{ending}").touch()
    wheelhouse.stamp({"snn-core": "1"}, tmp_path)
    assert wheelhouse.stale({"snn-core": "1"}, tmp_path) == ["snn-core"]
