"""Tests that need Triton or a GPU are in sessions of their own; no other session installs or imports either."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest
from nox.project import dependency_groups, load_toml
from packaging.requirements import Requirement

import gpus
import sessions
from workspace import PROJECTS, ROOT

APART = ("triton", "gpu")


@pytest.fixture(scope="module")
def noxfile() -> ModuleType:
    spec = importlib.util.spec_from_file_location("noxfile_of_the_tree", ROOT / "noxfile.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_session_of_a_push_or_of_the_matrix_is_one_of_them(noxfile: ModuleType):
    assert all(callable(getattr(noxfile, name)) for name in APART)
    assert not {*APART} & {name.partition("(")[0] for name in (*noxfile.PUSH, *noxfile.MATRIX)}


def test_the_folders_of_their_tests_are_all_there_and_all_others_leave_them_out(noxfile: ModuleType):
    inner = {folder.parent for folder in (ROOT / "packages/snn-triton/tests").rglob("test_*.py")}
    folders = {ROOT / folder for folder in sessions.NEEDS_TRITON}
    assert inner == folders | {ROOT / "packages/snn-triton/tests"}
    assert {*sessions.NEEDS_TRITON} <= {*sessions.NEEDS_MORE} <= {*noxfile.ELSEWHERE}


def test_no_package_and_no_other_group_asks_for_triton():
    groups = load_toml(ROOT / "pyproject.toml")["dependency-groups"]
    asking = {
        name
        for name in groups
        if "triton" in {Requirement(text).name for text in dependency_groups(load_toml(ROOT / "pyproject.toml"), name)}
    }
    assert asking == {"triton"}
    for project in PROJECTS.values():
        texts = [*project["dependencies"], *(t for ts in project.get("optional-dependencies", {}).values() for t in ts)]
        assert not any("triton" in Requirement(text).name.removeprefix("snn-triton") for text in texts)


def test_without_a_gpu_the_session_says_what_is_missing_with_code_3_and_builds_nothing(tree):
    hidden = {"/dev/nvidia0": "/dev/no-nvidia", "/dev/kfd": "/dev/no-kfd", "nvidia-smi": "no-nvidia-smi"}
    for there, nowhere in {**hidden, "rocm-smi": "no-rocm-smi"}.items():
        tree.edit("tools/gpus.py", f'"{there}"', f'"{nowhere}"')
    process = tree.session("gpu")
    assert process.returncode == gpus.NONE == 3, process.stdout
    message = (
        "no GPU: there is neither /dev/no-nvidia nor /dev/no-kfd, and neither no-nvidia-smi nor no-rocm-smi lists one"
    )
    assert message in process.stdout
    assert "session wheels" not in process.stdout
    assert not list(tree.root.glob(".nox/*/bin"))
