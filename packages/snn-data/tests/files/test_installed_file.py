"""Files of other distributions are found without importing these, and checked."""

from __future__ import annotations

import hashlib
import importlib
import sys

import pytest

from snn_data import ChecksumError
from snn_data.files.installed_file import installed_file

CONTENT = b"1,2,3\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ASKED = {"caller": "made_data", "extra": "made"}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that cannot be imported, with a file in it."""
    folder = tmp_path / "made_package"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "data" / "a.csv").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    return folder


def test_the_file_is_found_and_the_package_not_imported(package):
    file = installed_file("made_package", "data/a.csv", SHA256, **ASKED)
    assert file == package / "data" / "a.csv"
    assert "made_package" not in sys.modules


def test_another_content_is_refused_and_the_remedy_named(package):
    (package / "data" / "a.csv").write_bytes(CONTENT + b"\n")
    message = r"made_data\(\) refuses a file of made_package: .*a\.csv has the sha256 .*; pip install --force-reinstall"
    with pytest.raises(ChecksumError, match=message):
        installed_file("made_package", "data/a.csv", SHA256, **ASKED)


def test_a_missing_file_is_named_and_the_remedy_too(package):
    with pytest.raises(FileNotFoundError, match=r"made_data\(\) reads .*b\.csv, which is missing: pip install"):
        installed_file("made_package", "data/b.csv", SHA256, **ASKED)


def test_a_missing_package_is_an_import_error_that_names_the_extra(package, monkeypatch):
    message = r"made_data\(\) reads made_package's copy of the data: pip install 'snn-data\[made\]'"
    monkeypatch.setitem(sys.modules, "made_package", None)
    with pytest.raises(ImportError, match=message):
        installed_file("made_package", "data/a.csv", SHA256, **ASKED)


def test_a_module_of_that_name_is_not_taken_for_the_package(tmp_path, monkeypatch):
    (tmp_path / "made_module.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    with pytest.raises(ImportError, match="made_module's copy of the data"):
        installed_file("made_module", "data/a.csv", SHA256, **ASKED)
