"""The session ``quick`` tests what differs from the main branch, and nothing else."""

from __future__ import annotations

import pathlib
import subprocess
from collections.abc import Callable

import pytest

import changed
from workspace import PROJECTS

pytestmark = pytest.mark.needs()


@pytest.fixture
def git(tmp_path: pathlib.Path) -> Callable[..., str]:
    """Git in a clone with two commits on its main branch."""

    def run(*arguments: str) -> str:
        identity = ("-c", "user.name=snn", "-c", "user.email=snn@localhost", "-c", "commit.gpgsign=false")
        command = ["git", *identity, *arguments]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    run("init", "-q", "-b", "main")
    for name in ("kept.py", "removed.py"):
        (tmp_path / name).write_text(f"{name}\n" * 9, encoding="utf-8")
        run("add", ".")
        run("commit", "-q", "-m", name)
    return run


def test_nothing_differs_in_a_fresh_clone(git, tmp_path: pathlib.Path):
    assert changed.files(root=tmp_path) == []


def test_files_differ_whether_they_are_committed_staged_or_new(git, tmp_path: pathlib.Path):
    git("checkout", "-q", "-b", "work")
    git("mv", "removed.py", "moved.py")
    git("commit", "-q", "-m", "Move")
    (tmp_path / "kept.py").write_text("other\n", encoding="utf-8")
    (tmp_path / "räum lich.py").touch()
    (tmp_path / "staged.py").touch()
    git("add", "staged.py")
    assert changed.files(root=tmp_path) == ["kept.py", "moved.py", "removed.py", "räum lich.py", "staged.py"]


def test_later_commits_of_the_main_branch_are_not_changes_of_ours(git, tmp_path: pathlib.Path):
    git("checkout", "-q", "-b", "work")
    git("checkout", "-q", "main")
    (tmp_path / "later.py").touch()
    git("add", ".")
    git("commit", "-q", "-m", "Later")
    git("checkout", "-q", "work")
    assert changed.files(root=tmp_path) == []
    assert changed.files("main~2", tmp_path) == ["removed.py"]


def test_commits_on_main_that_are_not_pushed_differ_from_the_branch_there(git, tmp_path: pathlib.Path):
    git("update-ref", "refs/remotes/origin/main", "main~1")
    assert changed.files(root=tmp_path) == ["removed.py"]


def test_an_unknown_commit_or_a_folder_without_history_is_refused(git, tmp_path: pathlib.Path):
    with pytest.raises(ValueError, match=r"no common history of HEAD and 'mian'.*name a commit, -- --base COMMIT"):
        changed.files("mian", tmp_path)
    git("branch", "-m", "other")
    with pytest.raises(ValueError, match="no common history of HEAD and 'main'"):
        changed.files(root=tmp_path)


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("packages/snn-cpu/csrc/interpreter.cpp", ["packages/snn-cpu/tests"]),
        ("packages/snn/pyproject.toml", ["packages/snn/tests"]),
        ("packages/snn-nir/tests/removed.py", ["packages/snn-nir/tests"]),
        ("packages/snn-nir/README.md", []),
        ("packages/former/src/former.py", []),
        ("noxfile.py", []),
        ("integration_tests/test_changed.py", ["integration_tests/test_changed.py"]),
        ("integration_tests/test_removed.py", []),
        ("integration_tests/conftest.py", []),
        ("integration_tests/parity/test_probe.py", []),
    ],
)
def test_a_file_is_tested_by_the_tests_of_its_package_or_by_itself(name: str, paths: list[str]):
    assert changed.choice([name], ["integration_tests/parity"]).paths == paths


def test_packages_come_once_and_in_order():
    files = [f"packages/{name}/src/{part}.py" for name in reversed(PROJECTS) for part in "ab"]
    assert changed.choice(files).packages == [*PROJECTS]
