"""Tests of ``snn doctor --gpu``, with made-up GPUs and packages of kernels."""

from __future__ import annotations

import json
import sys
import types
from importlib import metadata

import pytest
import torch

import snn_core.kernels
from snn import doctor, doctor_gpu
from snn._installing import hint
from snn.cli import main

from .fresh import new_python

PASSED = [("leaky float32", True, "spikes equal, gradients to 3e-07"), ("rleaky", True, "spikes equal")]
FAILED = [*PASSED, ("alpha float16", False, "17 of 1000 spikes differ")]


@pytest.fixture
def two_gpus(monkeypatch):
    """Two GPUs of one kind, and their PyTorch."""
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"Made-up {index}")
    monkeypatch.setattr(snn_core.kernels, "status", lambda: [("triton", True, "12 neurons")])


@pytest.fixture
def kernels(monkeypatch):
    """Return a function that has snn-triton installed, with a self-test that gives lines or raises."""
    real = metadata.version
    pretended = {"snn-triton": "0.1.0", "triton": "3.7.1", "triton-rocm": None, "pytorch-triton-rocm": None}

    def version(name: str) -> str:
        if name not in pretended:
            return real(name)
        if pretended[name] is None:
            raise metadata.PackageNotFoundError(name)
        return pretended[name]

    def install(lines: object, **versions: str | None) -> None:
        def selftest():
            if isinstance(lines, Exception):
                raise lines
            return lines

        pretended.update({name.replace("_", "-"): version for name, version in versions.items()})
        monkeypatch.setattr(metadata, "version", version)
        parts = {} if lines is None else {"selftest": selftest}
        monkeypatch.setitem(sys.modules, "snn_triton", types.SimpleNamespace(**parts))

    return install


@pytest.mark.parametrize(
    ("cuda", "says"),
    [(None, "is a build for CPUs; install one for CUDA or ROCm to use a GPU"), ("12.8", "sees none; see whether nvi")],
)
def test_without_a_gpu_it_says_why_with_code_3(cuda, says, monkeypatch, capsys):
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(["doctor", "--gpu"]) == 3
    output = capsys.readouterr()
    assert output.err.startswith(f"snn doctor: no GPU: torch {torch.__version__} {says}")
    assert output.out == ""
    assert main(["doctor", "--gpu", "--json"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert (report["ok"], report["gpus"], report["checks"]) == (False, [], [])
    assert says in report["reason"]


def test_it_lists_gpus_versions_kernels_and_every_check(two_gpus, kernels, capsys):
    kernels(PASSED)
    assert main(["doctor", "--gpu"]) == 0
    lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert ["gpu", "Made-up 0, Made-up 1"] in lines
    assert ["torch", torch.__version__] in lines
    assert ["cuda", "12.8"] in lines
    assert ["triton", "3.7.1"] in lines
    assert ["triton", "ready: 12 neurons"] in lines
    assert ["leaky", "float32  passed: spikes equal, gradients to 3e-07"] in lines
    assert lines[-1] == ["every", "check passed"]


def test_a_check_that_fails_is_named_with_its_reason_and_code_1(two_gpus, kernels, capsys):
    kernels(FAILED)
    assert main(["doctor", "--gpu"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "  alpha float16  FAILED: 17 of 1000 spikes differ" in lines
    assert lines[-1] == "problem: 1 of 3 checks failed"
    assert main(["doctor", "--gpu", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["checks"][-1] == {"name": "alpha float16", "ok": False, "detail": "17 of 1000 spikes differ"}


def test_a_self_test_that_raises_is_a_check_that_failed(two_gpus, kernels, capsys):
    kernels(RuntimeError("no kernel image\nis available\n"))
    assert main(["doctor", "--gpu"]) == 1
    expected = "  self-test  FAILED: ended with RuntimeError: no kernel image\n    is available\nproblem: 1 of 1 checks"
    assert expected in capsys.readouterr().out


@pytest.mark.parametrize(
    ("lines", "versions", "says"),
    [
        (PASSED, {"snn_triton": None}, f"not installed: snn-triton; {hint('snn[triton]')}"[:64]),
        (None, {}, "snn-triton 0.1.0 has no self-test: install a newer version"),
        ([], {}, "the self-test of snn-triton 0.1.0 ran no checks"),
    ],
)
def test_untestable_kernels_have_a_reason_and_code_2(two_gpus, kernels, lines, versions, says, capsys):
    kernels(lines, **versions)
    assert main(["doctor", "--gpu"]) == 2
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"problem: {says}")


def test_output_of_the_self_test_is_not_part_of_the_diagnosis(two_gpus, kernels, monkeypatch, capsys):
    kernels(PASSED)
    monkeypatch.setattr(sys.modules["snn_triton"], "selftest", lambda: print("ptxas info") or PASSED)
    assert main(["doctor", "--gpu", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gpus"] == ["Made-up 0", "Made-up 1"]


@pytest.mark.parametrize("name", ["triton-rocm", "pytorch-triton-rocm"])
def test_triton_goes_by_other_names_with_rocm(name, two_gpus, kernels, monkeypatch):
    kernels(PASSED, triton=None, **{name.replace("-", "_"): "3.6.0"})
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", "7.1")
    versions = doctor_gpu.look().versions
    assert (versions["triton"], versions["rocm"], "cuda" in versions) == (f"{name} 3.6.0", "7.1", False)


@pytest.mark.parametrize("words", [["net.py:make"], ["--shape", "3,2,4"], ["--own-loop"], ["--batch", "a.py:b"]])
def test_it_takes_no_net(words, capsys):
    assert main(["doctor", "--gpu", *words]) == 2
    assert capsys.readouterr().err == "snn doctor: --gpu tests the kernels, not a net; run snn doctor --gpu alone\n"


def test_the_environment_names_the_gpus(two_gpus, monkeypatch):
    assert doctor._environment()["gpu"] == "Made-up 0, Made-up 1"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert doctor._environment()["gpu"] == "none"


def test_reporting_no_gpu_initializes_no_cuda_and_imports_no_triton():
    program = """
import os
os.environ["CUDA_VISIBLE_DEVICES"] = os.environ["HIP_VISIBLE_DEVICES"] = ""
from snn.doctor import diagnose
import torch
print(diagnose().environment["gpu"], torch.cuda.is_initialized(), "triton" in sys.modules)
"""
    process = new_python(program)
    assert process.stdout == "none False False\n", process.stderr


def test_a_torch_that_does_not_import_is_named_with_code_2(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["doctor", "--gpu"]) == 2
    output = capsys.readouterr()
    assert output.err.startswith("snn doctor: torch cannot be imported: ModuleNotFoundError: ")
    assert output.out == ""
