"""Starts a program in several processes with ``torchrun``."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

__all__ = ["torchrun"]

HERE = pathlib.Path(__file__).parent


def torchrun(program: str, *arguments: object, restarts: int = 0) -> str:
    """Run a program of this folder in two processes on this machine, and return what it printed.

    A process that dies is started again, with all others, at most ``restarts`` times.
    """
    options = ("--standalone", "--nproc-per-node=2", f"--max-restarts={restarts}", "--monitor-interval=0.1")
    command = (sys.executable, "-m", "torch.distributed.run", *options, str(HERE / program), *map(str, arguments))
    # processes that are started again must not read where those before them could be reached
    fresh = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    environment = os.environ | fresh | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE)}
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        printed, errors = started.communicate(timeout=120)
    finally:
        started.terminate()  # whereupon it ends the processes of its own too, if they wait for each other still
    assert started.returncode == 0, errors
    return printed
