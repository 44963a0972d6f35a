"""The compiled library: its place, and the reason if it does not load."""

from __future__ import annotations

import functools
import os
import warnings
from pathlib import Path

import torch

__all__ = ["load"]

_PACKAGED = Path(__file__).with_name("libsnn_cpu.so")


@functools.cache
def load() -> tuple[bool, str]:
    """Load the library, once per process; nothing is ever compiled here.

    Environment:
        ``SNN_DISABLE_NATIVE=1`` switches it off. ``SNN_CPU_LIBRARY=FILE`` names a library to load instead of the
        packaged one, for development. ``ATEN_CPU_CAPABILITY=default``, ``avx2`` or ``avx512`` limits the kernels, and
        torch, to an instruction set.

    Returns:
        True if ``torch.ops.snn_cpu`` can be used, and the library with its instruction set, or the reason why not.

    Warns:
        RuntimeWarning: If there is a library but it does not load; the reference then runs.

    Example:
        >>> loaded, reason = load()
        >>> loaded == hasattr(torch.ops.snn_cpu, "instruction_set")
        True
    """
    switch = os.environ.get("SNN_DISABLE_NATIVE", "")
    if switch not in ("", "0"):
        return False, f"switched off by SNN_DISABLE_NATIVE={switch}"
    named = os.environ.get("SNN_CPU_LIBRARY", "")
    library = Path(named) if named else _PACKAGED
    if not named and not library.exists():
        return False, "this is the pure wheel of snn-cpu, without kernels: install the wheel for this platform"
    try:
        torch.ops.load_library(library)
        instructions = torch.ops.snn_cpu.instruction_set()
    except (OSError, AttributeError) as error:  # AttributeError: a library, but the wrong one
        # torch names the file, and the cause says what is wrong with it
        reason = f"{library} does not load with torch {torch.__version__}: {error.__cause__ or error}"
        warnings.warn(f"snn-cpu: {reason}; the reference implementation runs instead", RuntimeWarning, stacklevel=2)
        return False, reason
    return True, f"{library}, {instructions} instructions"
