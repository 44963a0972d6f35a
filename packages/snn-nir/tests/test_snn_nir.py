"""What the package promises before it reads or writes a graph."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import snn_nir


def test_the_version_is_that_of_the_installed_distribution():
    assert snn_nir.__version__ == importlib.metadata.version("snn-nir")


def test_every_public_name_is_there():
    assert all(hasattr(snn_nir, name) for name in snn_nir.__all__)


def test_importing_it_loads_neither_torch_nor_nir():
    program = "import sys, snn_nir; print(sorted({'torch', 'numpy', 'nir', 'nirtorch', 'h5py'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
