"""Compares a bundle on an IPU with the same bundle on the CPU: ``python -m snn_ipu.report BUNDLE``, on the IPU host.

It writes ``ipu-report.json``, which says what ran where and how much the numbers differ. It does not measure speed.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path
from typing import Any, Sequence

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten

from snn_ipu._version import __version__
from snn_ipu.device.sdk import IpuUnavailable, import_poptorch
from snn_ipu.program.bundle import BundleError
from snn_ipu.program.operations import DTYPES
from snn_ipu.program.program import load

__all__ = ["compare", "main"]

_BATCH, _TRAINING_STEPS = 8, 5


def compare(bundle: str | Path, target: str = "hw", ops: str = "auto") -> dict[str, Any]:
    """Run a bundle on a target and on the CPU, with the same input and weights.

    Args:
        bundle: The bundle's folder.
        target: ``"hw"`` or ``"model"``, or ``"cpu"`` to try the comparison itself.
        ops: As in :class:`~snn_ipu.device.place.Settings`.

    Returns:
        Versions, the largest difference of every output, and the losses of a few training steps on both if the
        bundle has a loss.

    Raises:
        IpuUnavailable: If the target is not available here.
        BundleError: If the bundle is not valid.

    Example:
        >>> import tempfile
        >>> import snn_core as snn
        >>> from snn_ipu import export
        >>> folder = tempfile.mkdtemp()
        >>> export(snn.Leaky(beta=0.9, init_hidden=True), torch.rand(5, 4, 3), folder)
        >>> compare(folder, target="cpu")["largest_difference"]
        [0.0]
    """
    description = load(bundle).description
    details, loss = description["input"], description["loss"]
    steps = [] if details["encoding"] == "rate" else [details["num_steps"]]
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(_BATCH, *steps, *details["shape"], generator=generator).to(DTYPES[details["dtype"]])
    with torch.random.fork_rng(devices=[]):
        here, there = (_inferred(bundle, x, where, ops) for where in ("cpu", target))
        report: dict[str, Any] = {
            "snn_ipu": __version__,
            "torch": str(torch.__version__),
            "python": platform.python_version(),
            "poptorch": None if target == "cpu" else str(import_poptorch().__version__),
            "target": target,
            "ops": ops,
            "largest_difference": [float((a - b).abs().max()) for a, b in zip(here, there)],
            "losses": None,
        }
        if loss is not None:
            labels = torch.arange(_BATCH) % (loss["population"] or here[loss["of"]].shape[-1])
            report["losses"] = {
                where: _losses(bundle, x, labels, where, ops) for where in dict.fromkeys(("cpu", target))
            }
    return report


def main(arguments: Sequence[str]) -> int:
    """Compare from the command line; return 0 if a report was written, or print the reason and return 1."""
    parser = argparse.ArgumentParser(prog="python -m snn_ipu.report", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--target", default="hw", choices=("hw", "model", "cpu"))
    parser.add_argument("--ops", default="auto", choices=("auto", "custom", "primitives"))
    parser.add_argument("--out", type=Path, default=Path("ipu-report.json"))
    options = parser.parse_args(arguments)
    try:
        report = compare(options.bundle, options.target, options.ops)
    except (IpuUnavailable, BundleError) as error:
        print(error, file=sys.stderr)
        return 1
    options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(options.out)
    return 0


def _inferred(bundle: str | Path, x: Tensor, target: str, ops: str) -> list[Tensor]:
    program = load(bundle)
    run = program.inference(target=target, ops="primitives" if target == "cpu" else ops)
    torch.manual_seed(0)
    return [out.float() for out in tree_flatten(run(x))[0]]


def _losses(bundle: str | Path, x: Tensor, labels: Tensor, target: str, ops: str) -> list[float]:
    program = load(bundle)
    optimizer = torch.optim.SGD(program.parameters(), 0.1)
    step = program.training(optimizer, target=target, ops="primitives" if target == "cpu" else ops)
    return [float(step(x, labels)[1]) for _ in range(_TRAINING_STEPS)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
