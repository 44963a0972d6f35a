"""The library is loaded once, or there is a reason why not; a broken one is not a reason to stop."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from snn_cpu import library


@pytest.fixture
def load(monkeypatch, tmp_path):
    """Try to load from nothing: nothing switched off or named, nothing packaged, nothing remembered."""
    monkeypatch.delenv("SNN_DISABLE_NATIVE", raising=False)
    monkeypatch.delenv("SNN_CPU_LIBRARY", raising=False)
    monkeypatch.setattr(library, "_PACKAGED", tmp_path / "libsnn_cpu.so")
    return library.load.__wrapped__


@pytest.mark.parametrize("value", ["1", "true"])
def test_a_switch_leaves_the_library_out_and_is_named(load, monkeypatch, value):
    library._PACKAGED.touch()
    monkeypatch.setenv("SNN_DISABLE_NATIVE", value)
    assert load() == (False, f"switched off by SNN_DISABLE_NATIVE={value}")


def test_the_switch_wins_over_a_named_library(load, monkeypatch):
    monkeypatch.setenv("SNN_DISABLE_NATIVE", "1")
    monkeypatch.setenv("SNN_CPU_LIBRARY", "/no/such/file")
    assert load() == (False, "switched off by SNN_DISABLE_NATIVE=1")


def test_the_pure_wheel_says_that_it_is_pure(load):
    ok, reason = load()
    assert not ok
    assert "pure wheel" in reason


@pytest.mark.parametrize("content", [b"", b"this is not a library", b"\x7fELF and then nothing"])
@pytest.mark.parametrize("how", ["packaged", "named"])
def test_a_file_that_is_not_a_library_warns_and_gives_the_reason(load, monkeypatch, tmp_path, content, how):
    if how == "packaged":
        file = library._PACKAGED
    else:
        file = tmp_path / "another.so"
        monkeypatch.setenv("SNN_CPU_LIBRARY", str(file))
    file.write_bytes(content)
    with pytest.warns(RuntimeWarning, match="the reference implementation runs instead") as warned:
        ok, reason = load()
    assert not ok
    assert reason.startswith(f"{file} does not load with torch {torch.__version__}: ")
    assert len(warned) == 1


def test_a_missing_named_file_is_broken_and_not_pure(load, monkeypatch, tmp_path):
    monkeypatch.setenv("SNN_CPU_LIBRARY", str(tmp_path / "absent.so"))
    with pytest.warns(RuntimeWarning, match="absent.so does not load"):
        assert not load()[0]


def test_another_library_is_not_taken_for_it(load, monkeypatch):
    monkeypatch.setenv("SNN_DISABLE_NATIVE", "0")
    monkeypatch.setenv("SNN_CPU_LIBRARY", "another.so")
    monkeypatch.setattr(torch.ops, "load_library", lambda path: None)
    monkeypatch.setattr(torch.ops, "snn_cpu", object(), raising=False)
    with pytest.warns(RuntimeWarning, match="another.so does not load"):
        ok, reason = load()
    assert not ok
    assert "instruction_set" in reason


def test_a_loaded_library_is_named_with_its_instructions(load, monkeypatch):
    library._PACKAGED.touch()
    monkeypatch.setattr(torch.ops, "load_library", lambda path: None)
    operators = SimpleNamespace(instruction_set=lambda: "x86-64-v3")
    monkeypatch.setattr(torch.ops, "snn_cpu", operators, raising=False)
    assert load() == (True, f"{library._PACKAGED}, x86-64-v3 instructions")


def test_a_process_tries_once_and_warns_once(tmp_path):
    program = "from snn_cpu.library import load; assert load() is load()"
    file = tmp_path / "broken.so"
    file.touch()
    environment = os.environ | {"SNN_CPU_LIBRARY": str(file), "SNN_DISABLE_NATIVE": ""}
    command = [sys.executable, "-W", "always", "-c", program]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert process.stderr.count("RuntimeWarning: snn-cpu: ") == 1
