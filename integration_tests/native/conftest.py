"""One program, run in installations that differ in snn-cpu alone and are made from the wheels in dist."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import sysconfig
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest

from workspace import NATIVE_WHEELHOUSE, PROJECTS, WHEELHOUSE, built, module

PROGRAM = pathlib.Path(__file__).with_name("program.py")


class Outcome(NamedTuple):
    """The output and warnings of a program, and the library of its installation, whether it exists or not."""

    printed: dict[str, Any]
    warned: str
    library: pathlib.Path


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """The program's outcome in every state that the kernels can be in, by the name of the state."""
    native, pure = (built("snn-cpu", ".whl", folder) for folder in (NATIVE_WHEELHOUSE, WHEELHOUSE))
    folder = tmp_path_factory.mktemp("installations")
    loaded = install(folder / "loaded", native)
    broken = install(folder / "broken", native)
    missing = library(broken).read_bytes().replace(b"torch_call_dispatcher", b"torch_call_of_a_later")
    library(broken).write_bytes(missing)
    cases = {
        "loaded": (loaded, {}),
        "off": (loaded, {"SNN_DISABLE_NATIVE": "1"}),
        "broken": (broken, {}),
        "pure": (install(folder / "pure", pure), {}),
        "absent": (install(folder / "absent", None), {}),
    }
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return dict(zip(cases, threads.map(lambda case: run(*case), cases.values()), strict=True))


def install(folder: pathlib.Path, kernels: pathlib.Path | None) -> pathlib.Path:
    """Make a folder to import from: this environment's packages, ours from their wheels, snn-cpu from the given one."""
    folder.mkdir()
    ours = {module(name) for name in PROJECTS}
    for entry in pathlib.Path(sysconfig.get_path("purelib")).iterdir():
        if entry.name.partition(".")[0].partition("-")[0] not in ours:
            (folder / entry.name).symlink_to(entry)
    wheels = [built(name) for name in PROJECTS if name != "snn-cpu"]
    for wheel in [*wheels, *([kernels] if kernels else [])]:
        with zipfile.ZipFile(wheel) as files:
            files.extractall(folder)
    return folder


def library(folder: pathlib.Path) -> pathlib.Path:
    """Return the folder of an installation's compiled kernels."""
    return folder / "snn_cpu" / "libsnn_cpu.so"


def run(folder: pathlib.Path, environment: dict[str, str]) -> Outcome:
    """Run the program with a folder alone, this environment's own packages (-S) out of its sight."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SNN_", "PYTHON"))}
    env = clean | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"} | environment
    command = [sys.executable, "-S", str(PROGRAM)]
    process = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    return Outcome(json.loads(process.stdout), process.stderr, library(folder))
