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
from workspace import NATIVE_WHEELHOUSE, ROOT, WHEELHOUSE, built

PAGE = (ROOT / "docs" / "test-your-version-matrix.md").read_text(encoding="utf-8")
RELEASE = re.findall(r"This page pins (\d+\.\d+\.\d+)", PAGE)[0]


def block(name: str) -> str:
    """The first block behind where the page names a file."""
    (block,) = re.findall(
        rf"`{re.escape(name)}`[^`]*\n\n```\w+(?: no-run)?\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
    )
    return block


@pytest.fixture(scope="module")
def pins(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The pins of a release, as the release tool writes them, of the wheels that were built."""
    root = tmp_path_factory.mktemp("release")
    (root / "dist").symlink_to(ROOT / "dist")
    artifacts.pin(root, RELEASE, {})
    return root / "constraints"


@pytest.fixture
def project(tmp_path: pathlib.Path, pins: pathlib.Path) -> pathlib.Path:
    for name in ("noxfile.py", "test_spikes.py"):
        (tmp_path / name).write_text(block(name), encoding="utf-8")
    (tmp_path / "constraints").symlink_to(pins)
    return tmp_path


@pytest.fixture
def environment(clean: Callable[..., dict[str, str]]) -> dict[str, str]:
    """Return the folders in which pip and uv find the wheels, ours and those of this machine."""
    return clean(**folders(WHEELHOUSE, NATIVE_WHEELHOUSE))


def folders(*ours: pathlib.Path) -> dict[str, str]:
    """Return the options that point pip and uv to folders, beside those that this machine gives them."""
    settings = pip_configuration.settings()
    folders = [*(str(folder) for folder in ours if folder.is_dir()), *settings.get("find-links", [])]
    return {"PIP_FIND_LINKS": " ".join(folders), "UV_FIND_LINKS": ",".join(folders)}


def kernels_were_compiled() -> bool:
    return any(NATIVE_WHEELHOUSE.glob("snn_cpu-*.whl"))


def run(*command: str, **options) -> str:
    process = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout + process.stderr


def test_every_row_of_the_matrix_is_a_session_that_passes(project: pathlib.Path, environment: dict[str, str]):
    rows = ["backend='plain'", "backend='fused'"] if kernels_were_compiled() else ["backend='plain'"]
    sessions = [f"tests({row}, release='{RELEASE}')" for row in rows]
    process = run(sys.executable, "-m", "nox", "-s", *sessions, cwd=project, env=environment)
    assert process.count("2 passed") == len(rows)


def test_a_row_of_kernels_without_its_kernels_fails(project: pathlib.Path, environment: dict[str, str]):
    words = (sys.executable, "-m", "nox", "-s", f"tests(backend='fused', release='{RELEASE}')")
    env = environment | folders(WHEELHOUSE)
    process = subprocess.run(words, cwd=project, env=env, capture_output=True, text=True, check=False)
    assert process.returncode == 1
    assert "AssertionError: no engine" in process.stdout
    assert "1 failed, 1 passed" in process.stdout


def test_a_row_that_is_not_what_was_pinned_fails(
    project: pathlib.Path, environment: dict[str, str], pins: pathlib.Path
):
    (project / "constraints").unlink()
    (project / "constraints").mkdir()
    (project / "constraints" / f"snn-{RELEASE}.txt").write_text("snn-core==0.4.0\n", encoding="utf-8")
    process = subprocess.run(
        [sys.executable, "-m", "nox"], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 1
    assert "snn-core==0.4.0" in process.stdout + process.stderr


def test_the_files_of_a_release_are_checked_and_others_refused(
    project: pathlib.Path, environment: dict[str, str], tmp_path: pathlib.Path
):
    (command,) = re.findall(r"^pip (download (?:.*\\\n)*.*)$", PAGE, re.MULTILINE)
    command = command.replace("dist/native", str(NATIVE_WHEELHOUSE)).replace("dist/wheels", str(WHEELHOUSE))
    words = [sys.executable, "-m", "pip", *command.replace("\\\n", "").split()]
    run(*words, cwd=project, env=environment)
    assert (project / "pinned" / built("snn-core").name).is_file()
    shutil.rmtree(project / "pinned")
    other = tmp_path / "other"
    other.mkdir()
    for wheel in WHEELHOUSE.glob("*.whl"):
        (other / wheel.name).write_bytes(wheel.read_bytes() + (b"\0" if wheel.name.startswith("snn_core") else b""))
    words = [word.replace(str(WHEELHOUSE), str(other)) for word in words]
    process = subprocess.run(
        words, cwd=project, env={**environment, "PIP_FIND_LINKS": ""}, capture_output=True, text=True, check=False
    )
    assert process.returncode != 0
    assert "DO NOT MATCH THE HASHES" in process.stderr


def test_plain_pip_installs_what_was_pinned_and_one_backend(project: pathlib.Path, environment: dict[str, str]):
    script = block("test.sh")
    assert len(re.findall(r"^(?:python3 -m venv|\.venv/bin/|KERNEL=).*$", script, re.MULTILINE)) == 5
    if not kernels_were_compiled():
        script = script.replace("KERNEL=snn-cpu", "KERNEL=reference")
    (project / "test.sh").write_text(script, encoding="utf-8")
    bin_of_python = str(pathlib.Path(sys.executable).parent)
    process = run(
        "bash", "-e", "test.sh", cwd=project, env={**environment, "PATH": f"{bin_of_python}:{environment['PATH']}"}
    )
    assert "2 passed" in process
