"""Check whether this machine has a GPU, and whether torch sees it."""

from __future__ import annotations

import pathlib
import shutil
import subprocess

NONE = 3  # the exit code of a program that needs a GPU and finds none
DEVICES = ("/dev/nvidia0", "/dev/kfd")
PROGRAMS = ("nvidia-smi", "rocm-smi")


def missing() -> str | None:
    """Return what is missing if there is no NVIDIA or AMD driver, as far as one can tell without torch; else None.

    Example:
        >>> missing() is None or missing().startswith("no GPU: ")
        True
    """
    if any(pathlib.Path(device).exists() for device in DEVICES) or any(map(_runs, PROGRAMS)):
        return None
    return f"no GPU: there is neither {' nor '.join(DEVICES)}, and neither {' nor '.join(PROGRAMS)} lists one"


def unseen() -> str | None:
    """Return why torch sees no GPU, or None if it sees one.

    Example:
        >>> unseen() is None or unseen().startswith("no GPU: ")
        True
    """
    import torch

    if torch.version.cuda is None and torch.version.hip is None:
        return f"no GPU: torch {torch.__version__} is a build for CPUs; install one for CUDA or ROCm"
    if not torch.cuda.is_available():
        return f"no GPU: torch {torch.__version__} sees none; see whether {' or '.join(PROGRAMS)} lists one"
    return None


def _runs(program: str) -> bool:
    path = shutil.which(program)
    return path is not None and subprocess.run([path], capture_output=True, check=False).returncode == 0
