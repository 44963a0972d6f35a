"""Tests of when the kernels are registered, and of the message where they are not."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from typing import Any

import pytest
import torch

from snn_core import kernels
from snn_triton import registration


@pytest.fixture
def with_a_gpu(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A torch that says that there is a GPU, and what is registered in place of kernels."""
    registered: list[Any] = []
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(kernels, "register", lambda operation, kernel: registered.append((operation, kernel.device)))
    monkeypatch.setattr(registration.importlib.util, "find_spec", lambda name: object())
    return registered


def has(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    """Have some distributions be installed, and no other."""

    def version(name: str) -> str:
        if name in versions:
            return versions[name]
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(registration.metadata, "version", version)


def test_without_a_torch_for_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    ok, reason = registration.register()
    assert not ok
    assert "is built without GPU support" in reason


def test_without_a_gpu(with_a_gpu: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert registration.register() == (False, "torch finds no GPU")
    assert with_a_gpu == []


def test_without_triton(with_a_gpu: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration.importlib.util, "find_spec", lambda name: None)
    ok, reason = registration.register()
    assert not ok
    assert "pip install triton" in reason


def test_with_a_triton_that_is_too_old(with_a_gpu: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, triton="3.5.1")
    ok, reason = registration.register()
    assert not ok
    assert "Triton 3.5.1 is too old" in reason
    assert with_a_gpu == []


@pytest.mark.parametrize("name", ["triton", "triton-rocm", "pytorch-triton-rocm"])
def test_the_kernels_are_registered(name: str, with_a_gpu: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, **{name: "3.10.0"})
    assert registration.register() == (True, "2 GPU(s), Triton 3.10.0")
    assert with_a_gpu == [("program", "cuda")]


def test_looking_for_kernels_imports_no_triton() -> None:
    program = "import sys; from snn_core import kernels; kernels.status(); print('triton' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "False"
