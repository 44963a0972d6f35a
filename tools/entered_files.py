"""Count the files of snn-core that one call of ``unroll`` enters: ``python tools/entered_files.py``.

A reader who follows the call visits these files. The call runs without compiled kernels, as on a machine without them.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from torch import nn

import snn_core

MOST = 14


def entered(call: Callable[[], object]) -> list[str]:
    """List the files of snn-core whose functions a call runs, by their paths within the package, in order.

    Example:
        >>> entered(lambda: snn_core.decay(tau=20e-3, dt=1e-3))
        ['neuron/constant.py']
    """
    root = pathlib.Path(snn_core.__file__).parent
    files: set[str] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            files.add(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return sorted(pathlib.Path(f).relative_to(root).as_posix() for f in files if pathlib.Path(f).is_relative_to(root))


def main() -> int:
    """Print the files that ``unroll(Sequential(Linear, Leaky))`` enters.

    The exit status is 1 if there are more than ``MOST``, or if kernels are installed, which would bypass some files.
    """
    if snn_core.kernels.choose(snn_core.Leaky(beta=0.9), torch.zeros(2, 1, 3)).name != "reference":
        print("kernels are installed, and would bypass some files: set SNN_DISABLE_NATIVE=1 to run without them")
        return 1
    net = nn.Sequential(nn.Linear(3, 4), snn_core.Leaky(beta=0.9, init_hidden=True))
    files = entered(lambda: snn_core.unroll(net, torch.rand(5, 2, 3)))
    print(
        f"unroll(Sequential(Linear, Leaky)) enters {len(files)} files of snn-core, at most {MOST}:", *files, sep="\n  "
    )
    return int(len(files) > MOST)


if __name__ == "__main__":
    sys.exit(main())
