"""Tests of the package where there is no GPU."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import snn_triton


def test_the_version_is_that_of_the_installed_distribution():
    assert snn_triton.__version__ == importlib.metadata.version("snn-triton")


def test_every_public_name_is_there():
    assert all(hasattr(snn_triton, name) for name in snn_triton.__all__)


def test_importing_it_loads_nothing_but_itself():
    program = "import sys, snn_triton; print(sorted({'torch', 'numpy', 'triton'} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"


def test_it_offers_kernels_and_no_target():
    points = importlib.metadata.distribution("snn-triton").entry_points
    assert points.select(group="snn.kernels").names == {"triton"}
    assert not points.select(group="snn.backends")
