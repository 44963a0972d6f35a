"""Tests of the package as a whole, with compiled kernels and without."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import snn_cpu


def test_the_version_is_that_of_the_installed_distribution():
    assert snn_cpu.__version__ == importlib.metadata.version("snn-cpu")


def test_every_public_name_is_there():
    assert all(hasattr(snn_cpu, name) for name in snn_cpu.__all__)


def test_importing_it_loads_nothing_but_itself():
    program = "import sys, snn_cpu; print(sorted({'torch', 'numpy', 'snn_core'} & set(sys.modules)))"
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]"


def test_it_offers_kernels_and_no_target():
    points = importlib.metadata.distribution("snn-cpu").entry_points
    assert points.select(group="snn.kernels").names == {"cpu"}
    assert not points.select(group="snn.backends")
