"""The page for users who test their own version matrix: its files, run as they stand, with the built wheels."""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable

import pytest

import pip_configuration
from release import artifacts
from workspace import ROOT, WHEELHOUSE, built

PAGE = (ROOT / "docs" / "test-your-version-matrix.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    """The block that the page puts into a file of this name."""
    (found,) = re.findall(
        rf"`{re.escape(name)}`[^\n]*:\n\n```\w+(?: no-run)?\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
    )
    return found


@pytest.fixture(scope="module")
def pins(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The pins of a release, as the release tool writes them, of the wheels that were built."""
    root = tmp_path_factory.mktemp("release")
    (root / "dist").symlink_to(ROOT / "dist")
    artifacts.pin(root, "0.5.0")
    return root / "constraints"


@pytest.fixture
def project(tmp_path: pathlib.Path, pins: pathlib.Path) -> pathlib.Path:
    for name in ("noxfile.py", "test_spikes.py"):
        (tmp_path / name).write_text(block(name), encoding="utf-8")
    (tmp_path / "constraints").symlink_to(pins)
    return tmp_path


@pytest.fixture
def environment(clean: Callable[..., dict[str, str]]) -> dict[str, str]:
    """Where pip and uv find the wheels, ours and those of this machine."""
    made = pip_configuration.settings()
    folders = [str(WHEELHOUSE), *made.get("find-links", [])]
    return clean(PIP_FIND_LINKS=" ".join(folders), UV_FIND_LINKS=",".join(folders))


def run(*command: str, **options) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_every_row_of_the_matrix_is_a_session_that_passes(project: pathlib.Path, environment: dict[str, str]):
    said = run(sys.executable, "-m", "nox", cwd=project, env=environment)
    assert len(re.findall(r"\* tests\(.*: success", said)) == 2
    assert "1 passed" in said


def test_a_row_that_is_not_what_was_pinned_fails(
    project: pathlib.Path, environment: dict[str, str], pins: pathlib.Path
):
    (project / "constraints").unlink()
    (project / "constraints").mkdir()
    (project / "constraints" / "snn-0.5.0.txt").write_text("snn-core==0.4.0\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "nox"], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "snn-core==0.4.0" in done.stdout + done.stderr


def test_the_files_of_a_release_are_checked_and_others_refused(
    project: pathlib.Path, environment: dict[str, str], tmp_path: pathlib.Path
):
    (command,) = re.findall(r"^pip (download .*snn-0\.5\.0-hashes\.txt.*)$", PAGE, re.MULTILINE)
    words = [sys.executable, "-m", "pip", *command.replace("dist/wheels", str(WHEELHOUSE)).split()]
    run(*words, cwd=project, env=environment)
    assert (project / "pinned" / built("snn-core").name).is_file()
    shutil.rmtree(project / "pinned")
    other = tmp_path / "other"
    other.mkdir()
    for wheel in WHEELHOUSE.glob("*.whl"):
        (other / wheel.name).write_bytes(wheel.read_bytes() + (b"\0" if wheel.name.startswith("snn_core") else b""))
    words = [word.replace(str(WHEELHOUSE), str(other)) for word in words]
    done = subprocess.run(
        words, cwd=project, env={**environment, "PIP_FIND_LINKS": ""}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr


def test_plain_pip_installs_what_was_pinned_and_one_backend(project: pathlib.Path, environment: dict[str, str]):
    commands = re.findall(r"^(?:python -m venv|\.venv/bin/).*$", block("test.sh"), re.MULTILINE)
    assert len(commands) >= 4
    (project / "test.sh").write_text(block("test.sh"), encoding="utf-8")
    bin_of_python = str(pathlib.Path(sys.executable).parent)
    said = run(
        "bash", "-e", "test.sh", cwd=project, env={**environment, "PATH": f"{bin_of_python}:{environment['PATH']}"}
    )
    assert "1 passed" in said
