"""Tests of the folders for data on each system."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from snn_data import data_folder


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("SNN_DATA", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_linux_has_it_in_the_cache_folder_of_the_user(monkeypatch, home):
    monkeypatch.setattr(sys, "platform", "linux")
    assert data_folder() == home / ".cache" / "snn-data"
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "other"))
    assert data_folder() == home / "other" / "snn-data"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert data_folder() == home / ".cache" / "snn-data"


def test_other_systems_have_it_where_they_keep_caches(monkeypatch, home):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert data_folder() == home / "Library" / "Caches" / "snn-data"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(home / "local"))
    assert data_folder() == home / "local" / "snn-data"


def test_the_environment_names_another_folder(monkeypatch, home):
    monkeypatch.setenv("SNN_DATA", "~/sets")
    assert data_folder() == home / "sets"
    monkeypatch.setenv("SNN_DATA", "sets")
    assert data_folder() == Path.cwd() / "sets"
    assert not data_folder().exists()
