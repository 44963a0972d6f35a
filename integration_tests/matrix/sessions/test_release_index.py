"""pip installs from the index of a release."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from release import index
from workspace import PROJECTS, built


def pip(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("release")
    (folder / "site").mkdir()
    files = [built(name, suffix) for name in PROJECTS for suffix in (".whl", ".tar.gz")]
    index.write(files, folder / "site", folder / "whole")
    return folder / "whole"


@pytest.mark.parametrize("name", PROJECTS)
def test_pip_downloads_each_package_from_the_index(name: str, release: pathlib.Path, tmp_path: pathlib.Path):
    source = ("--index-url", (release / "simple").as_uri())
    process = pip("download", "--pre", "--no-deps", "--dest", str(tmp_path), *source, name)
    assert process.returncode == 0, process.stderr
    assert [file.name for file in tmp_path.iterdir()] == [built(name).name]


def test_pip_installs_the_core_from_the_index_and_from_the_files(release: pathlib.Path, tmp_path: pathlib.Path):
    sources = (("--index-url", (release / "simple").as_uri()), ("--no-index", "--find-links", str(release / "files")))
    for number, source in enumerate(sources):
        target = tmp_path / str(number)
        process = pip("install", "--pre", "--no-deps", "--target", str(target), *source, "snn-core")
        assert process.returncode == 0, process.stderr
        assert (target / "snn_core" / "__init__.py").exists()


def test_pip_refuses_a_file_that_was_changed(release: pathlib.Path, tmp_path: pathlib.Path):
    wheel = release / "files" / built("snn-plot").name
    content = wheel.read_bytes()
    wheel.write_bytes(content + b"\0")
    source = ("--index-url", (release / "simple").as_uri())
    process = pip("download", "--pre", "--no-deps", "--no-cache-dir", "--dest", str(tmp_path), *source, "snn-plot")
    wheel.write_bytes(content)
    assert process.returncode == 1
    assert "DO NOT MATCH THE HASHES" in process.stderr
