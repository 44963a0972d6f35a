"""Copies of the tree, and nox in them."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from collections.abc import Callable

import pytest

from release.copies import copy
from workspace import ROOT

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("NOX", "PYTEST", "PYTHON"))}


class Copy:
    """A copy of the tree with what is built of it; what is changed in it is built again by its own sessions."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        copy(ROOT, root)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that a file has once."""
        file = self.root / name
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{name} has {old!r} {text.count(old)} times"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program in the copy; no compiler, so that kernels are never compiled for a test of something else."""
        env = {**CLEAN, "CXX": "no-compiler", **environment}
        return subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, check=False)

    def session(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one session of the copy's noxfile; its words are all in ``stdout``."""
        process = self.run(sys.executable, "-m", "nox", "-s", name, "--", *arguments)
        process.stdout += process.stderr
        return process

    def git(self, *arguments: str) -> None:
        """Run git in the copy, as somebody."""
        identity = ("-c", "user.name=snn", "-c", "user.email=snn@localhost", "-c", "commit.gpgsign=false")
        process = self.run("git", *identity, *arguments)
        assert process.returncode == 0, process.stderr


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> Copy:
    return Copy(tmp_path / "tree")


@pytest.fixture
def clean() -> Callable[..., dict[str, str]]:
    """The environment of a user's program, without what the tests are told."""
    return lambda **more: {**CLEAN, **more}
