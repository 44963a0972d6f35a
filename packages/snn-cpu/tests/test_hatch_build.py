"""The build says what it lacks."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent.parent / "hatch_build.py"


@pytest.fixture
def build():
    """The build hook as a module."""
    spec = importlib.util.spec_from_file_location("hatch_build", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROGRAM), *arguments]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


def test_without_a_compiler_it_names_the_remedies(tmp_path):
    process = run(str(tmp_path / "libsnn_cpu.so"), CXX="no-such-compiler")
    assert process.returncode == 1
    assert "there is no 'no-such-compiler': install g++ 11 or newer" in process.stderr
    assert "leave SNN_NATIVE unset for the pure wheel" in process.stderr
    assert list(tmp_path.iterdir()) == []


def test_elsewhere_than_on_linux_it_names_the_pure_wheel(build, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(RuntimeError, match="for Linux so far, not for darwin: leave SNN_NATIVE unset"):
        build.compile_library(tmp_path / "libsnn_cpu.so")


@pytest.mark.parametrize(("value", "expected"), [(None, False), ("0", False), ("1", True)])
def test_only_a_one_asks_for_the_library_and_then_for_torch(build, monkeypatch, tmp_path, value, expected):
    monkeypatch.delenv("SNN_NATIVE", raising=False)
    if value is not None:
        monkeypatch.setenv("SNN_NATIVE", value)
    hook = object.__new__(build.NativeWheel)
    assert hook.dependencies() == (["torch>=2.10"] if expected else [])
    compiled = []
    monkeypatch.setattr(build, "compile_library", compiled.append)
    data = {"force_include": {}}
    hook.initialize("standard", data)
    assert len(compiled) == expected
    assert list(data["force_include"].values()) == ["snn_cpu/libsnn_cpu.so"] * expected
    hook.finalize("standard", data, "")
    assert not any(Path(file).parent.exists() for file in data["force_include"])


def test_an_editable_installation_compiles_nothing(build, monkeypatch):
    monkeypatch.setenv("SNN_NATIVE", "1")
    data = {"force_include": {}}
    object.__new__(build.NativeWheel).initialize("editable", data)
    assert data == {"force_include": {}}


def test_another_value_of_the_switch_is_an_error(build, monkeypatch):
    monkeypatch.setenv("SNN_NATIVE", "yes")
    with pytest.raises(RuntimeError, match="SNN_NATIVE is 'yes': set it to 1 for the native wheel, or to 0"):
        object.__new__(build.NativeWheel).dependencies()


def test_a_failed_compiler_is_shown_with_its_messages(tmp_path):
    compiler = tmp_path / "compiler"
    compiler.write_text("#!/bin/sh\necho one of its errors >&2\nexit 3\n", encoding="utf-8")
    compiler.chmod(0o755)
    process = run(str(tmp_path / "libsnn_cpu.so"), CXX=str(compiler))
    assert process.returncode == 1
    assert "one of its errors" in process.stderr
    assert not (tmp_path / "libsnn_cpu.so").exists()


def test_it_wants_to_know_where_to_write():
    process = run()
    assert process.returncode == 1
    assert process.stderr == "usage: python hatch_build.py FILE\n"
