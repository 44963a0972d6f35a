"""A reader who follows one call of ``unroll`` reads few files."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import entered_files
import snn_core as snn
from workspace import ROOT

pytestmark = pytest.mark.needs("snn-core")


def test_a_call_enters_few_files_without_kernels():
    environment = {**os.environ, "SNN_DISABLE_NATIVE": "1"}
    command = [sys.executable, str(ROOT / "tools" / "entered_files.py")]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr
    files = process.stdout.split()[-entered_files.MOST :]
    assert {"sequence/unrolling.py", "sequence/plan.py", "neurons/leaky.py"} <= set(files)


def test_files_of_others_do_not_count():
    assert entered_files.entered(lambda: snn.surrogate.atan) == []
