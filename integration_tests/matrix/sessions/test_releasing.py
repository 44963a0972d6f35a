"""The release tool from its command, and the bill of materials against its schema."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import zipfile

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import recorded
from release import sbom
from release.tree import Tree
from workspace import NATIVE_WHEELHOUSE, PROJECTS, ROOT, built


def invalid(document: str) -> str:
    """Return what the schema of CycloneDX says against a document; empty if it is valid."""
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(document)
    return str(error or "")


@pytest.fixture
def library(tmp_path: pathlib.Path) -> pathlib.Path:
    """A wheel with a shared library of this Python's, linked with the C library."""
    (metadata,) = (b"Name: snn-cpu\nVersion: 0.5.0\nLicense-Expression: MIT\nRequires-Dist: torch>=2.10\n\nText",)
    library = next(pathlib.Path(sys.base_prefix).rglob("lib-dynload/*.so"))
    file = tmp_path / "snn_cpu-0.5.0-py3-none-linux_x86_64.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("snn_cpu-0.5.0.dist-info/METADATA", metadata)
        archive.writestr(zipfile.ZipInfo("snn_cpu/libsnn_cpu.so"), library.read_bytes())
    return file


def test_a_bill_of_materials_follows_the_schema_and_names_linked_libraries(library: pathlib.Path):
    document = sbom.bill(library)
    assert invalid(document) == ""
    bill = json.loads(document)
    assert {"libc.so.6", "torch"} <= {component["name"] for component in bill["components"]}
    subject = bill["metadata"]["component"]
    assert (subject["purl"], subject["licenses"][0]["license"]["id"]) == ("pkg:pypi/snn-cpu@0.5.0", "MIT")
    assert sbom.bill(library) == document


def test_the_schema_is_strict():
    assert "bomFormat" in invalid('{"specVersion": "1.6"}')


def test_a_pure_wheel_has_no_bill():
    with pytest.raises(ValueError, match="contains no shared library: only native wheels have a bill of materials"):
        sbom.bill(built("snn-cpu"))


def test_the_bill_of_the_native_wheel_that_was_built_keeps_to_the_schema():
    for wheel in NATIVE_WHEELHOUSE.glob("*.whl"):
        document = sbom.bill(wheel)
        assert invalid(document) == ""
        assert "libtorch_cpu.so" in document


def release(*words: str, clean) -> subprocess.CompletedProcess[str]:
    env = clean(CXX="no-compiler", PYTHONPATH=str(ROOT / "tools"))
    command = [sys.executable, "-m", "release", *words]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def status() -> str:
    command = ["git", "status", "--porcelain"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_a_rehearsal_builds_tests_and_leaves_nothing(clean):
    before = status()
    process = release("snn-spikegen", "final", "--rehearsal", clean=clean)
    assert process.returncode == 0, process.stdout + process.stderr
    assert " passed in " in process.stdout
    assert "SHA256SUMS, snn_spikegen-" in process.stdout
    assert status() == before


def test_an_impossible_release_is_a_one_line_error(clean):
    process = release("snn-spikegen", "0.0.1", "--dry-run", clean=clean)
    assert process.returncode == 1
    assert process.stderr.startswith("release: snn-spikegen: 0.0.1 is ")
    assert process.stderr.count("\n") == 1


def test_all_packages_from_versions_to_tags_to_what_comes_next(tree):
    before = Tree(tree.root).version("snn")
    Tree(tree.root).pretend_changes()
    tree.git("init", "-q")
    tree.git("add", "-A")
    tree.git("commit", "-q", "-m", "Begin")
    path = str(tree.root / "tools")
    process = tree.run(sys.executable, "-m", "release", "all", "final", "--untested", PYTHONPATH=path)
    assert process.returncode == 0, process.stdout + process.stderr
    assert sorted(file.name for file in (tree.root / "constraints").iterdir())[-1].startswith("snn-")
    commands = [line.removeprefix("then:").strip() for line in process.stdout.splitlines() if " git " in line]
    early = tree.run(sys.executable, "-m", "release", "all", "next", PYTHONPATH=path)
    assert early.returncode == 1
    assert early.stderr.startswith(f"release: snn: the last commit has {before}, not ")
    tree.git("add", "-A")
    tree.git("commit", "-q", "-m", "Release")
    tags = [command.split()[-1] for command in commands if "git tag" in command]
    assert len(tags) == len(PROJECTS)
    for tag in tags:
        tree.git("tag", tag)
    assert recorded.wrong(tree.root) == {}
    commit = recorded.committed(tree.root, {})
    following = tree.run(sys.executable, "-m", "release", "all", "next", PYTHONPATH=path)
    assert following.returncode == 0, following.stderr
    assert following.stdout.count(".dev0") == len(PROJECTS) - 1
    assert {f"{name}-v{version}": of for name, (version, of) in recorded.last(tree.root).items()} == dict.fromkeys(
        tags, commit
    )
    assert recorded.wrong(tree.root) == {}
    again = tree.run(sys.executable, "-m", "release", "snn-core", "final", "--untested", PYTHONPATH=path)
    assert "snn-core: nothing is unreleased" in again.stderr
    of_none = tree.run(sys.executable, "-m", "release", "all", "final", "--dry-run", "--untested", PYTHONPATH=path)
    assert (of_none.returncode, of_none.stderr) == (
        1,
        "release: nothing is unreleased: no list of changes has anything new\n",
    )
