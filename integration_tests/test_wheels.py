"""Tests of the contents of the built files."""

from __future__ import annotations

import email
import pathlib
import tarfile
import zipfile

import pytest

from workspace import PROJECTS, ROOT, built, module, source


def names_in(archive: pathlib.Path) -> set[str]:
    """Names of the files in a wheel, without folders."""
    with zipfile.ZipFile(archive) as wheel:
        return {name for name in wheel.namelist() if not name.endswith("/")}


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_holds_its_package_whole_and_nothing_else(name: str):
    names = names_in(built(name, ".whl"))
    expected = {
        f"{module(name)}/{file.relative_to(source(name)).as_posix()}"
        for file in source(name).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert f"{module(name)}/py.typed" in names
    assert {name for name in names if ".dist-info/" not in name} == expected


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_carries_the_license_of_the_repository(name: str):
    license = (ROOT / "LICENSE").read_text(encoding="utf-8")
    with zipfile.ZipFile(built(name, ".whl")) as wheel:
        (result,) = (entry for entry in wheel.namelist() if entry.endswith(".dist-info/licenses/LICENSE"))
        assert wheel.read(result).decode() == license


@pytest.mark.parametrize("name", PROJECTS)
def test_a_wheel_describes_itself(name: str):
    with zipfile.ZipFile(built(name, ".whl")) as wheel:
        (result,) = (entry for entry in wheel.namelist() if entry.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(wheel.read(result))
    assert metadata["Name"] == name
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Summary"] == PROJECTS[name]["description"]
    assert metadata.get_payload().startswith(f"# {name}\n")


@pytest.mark.parametrize("name", PROJECTS)
def test_an_sdist_holds_its_tests_and_its_changes(name: str):
    with tarfile.open(built(name, ".tar.gz")) as sdist:
        names = {entry.partition("/")[2] for entry in sdist.getnames()}
    tests = {
        file.relative_to(ROOT / "packages" / name).as_posix()
        for file in (ROOT / "packages" / name / "tests").rglob("*.py")
    }
    assert tests, f"{name} has no tests"
    assert tests | {"CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml"} <= names


def test_the_sdist_has_what_compiling_takes():
    package = ROOT / "packages" / "snn-cpu"
    with tarfile.open(built("snn-cpu", ".tar.gz")) as sdist:
        names = {entry.partition("/")[2] for entry in sdist.getnames()}
    sources = {file.relative_to(package).as_posix() for file in (package / "csrc").rglob("*") if file.is_file()}
    assert {file.rpartition(".")[2] for file in sources} == {"cpp", "h"}
    assert sources | {"hatch_build.py"} <= names
