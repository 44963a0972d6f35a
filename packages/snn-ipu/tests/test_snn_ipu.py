"""Tests of the package as a distribution."""

from __future__ import annotations

import ast
import importlib.metadata
import pathlib
import subprocess
import sys

import snn_ipu


def test_the_version_is_that_of_the_installed_distribution():
    assert snn_ipu.__version__ == importlib.metadata.version("snn-ipu")


def test_every_public_name_is_there():
    assert all(hasattr(snn_ipu, name) for name in snn_ipu.__all__)


def test_an_unknown_name_is_an_attribute_error():
    assert not hasattr(snn_ipu, "simulate")
    assert set(snn_ipu.__all__) <= set(dir(snn_ipu))


def test_the_sources_of_the_operator_are_in_the_package():
    folder = pathlib.Path(snn_ipu.__file__).parent / "csrc"
    assert sorted(f.name for f in folder.iterdir()) == [
        "surrogate_math.hpp",
        "surrogate_spike.cpp",
    ]


def test_importing_it_loads_neither_torch_nor_the_sdk():
    program = "import sys, snn_ipu; print(sorted({'torch', 'numpy', 'snn_core', 'poptorch'} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"


def test_every_file_is_python_3_8():
    files = sorted(pathlib.Path(snn_ipu.__file__).parent.rglob("*.py"))
    assert files
    for file in files:
        ast.parse(file.read_text(encoding="utf-8"), filename=str(file), feature_version=(3, 8))


def test_an_old_python_works_without_the_core():
    assert importlib.metadata.metadata("snn-ipu")["Requires-Python"] == ">=3.8"
    (core,) = (text for text in importlib.metadata.requires("snn-ipu") or [] if text.startswith("snn-core"))
    assert core.replace("'", '"').endswith('; python_version >= "3.11"')
