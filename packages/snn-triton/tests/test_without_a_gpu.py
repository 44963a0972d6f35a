"""Without a GPU the package says so, neurons run as without the package, and it imports nothing for GPUs."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import sys, torch, snn_core as snn
(found,) = [row for row in snn.kernels.status() if row[0] == "triton"]
spk, state = snn.Leaky(beta=0.5).unroll(torch.full((3, 2, 5), 0.75))
print(found, "triton" in sys.modules, int(spk.sum()), sep="\\n")
"""


def test_it_is_registered_says_that_there_is_no_gpu_and_imports_no_triton():
    hidden = {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "", "ROCR_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", PROGRAM]
    process = subprocess.run(command, env=os.environ | hidden, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    status, imported, spikes = process.stdout.splitlines()
    assert status.startswith("('triton', False, ")
    assert "no GPU" in status or "built without GPU support" in status
    assert imported == "False"
    assert spikes == "10"  # 0.75, then 1.125 fires and is reset to 0.125 before the third step's 0.8125
