"""The host's half of an IPU's bundle, by the standard library and torch alone: ``python device_half.py FOLDER``.

Every folder in FOLDER is a bundle with ``expected.npz``: input, weighing of the outputs, outputs and gradients that
snn-core gave. It runs on Python 3.8 with torch 2.0.1 as on newer ones.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import sys

import torch
from torch import Tensor

import snn_ipu
from snn_ipu import build, pack, report
from snn_ipu.program import arrays


def close(result: Tensor, expected: Tensor, what: str) -> None:
    discrete = bool(((expected == 0) | (expected == 1)).all())
    same = result.equal(expected) if discrete else torch.allclose(result, expected, rtol=1e-6, atol=1e-9)
    assert same, f"{what}: off by {(result - expected).abs().max()}"


def flat(out) -> list[Tensor]:
    return [out] if isinstance(out, Tensor) else [t for part in out for t in flat(part)]


def check_numbers(folder: pathlib.Path) -> None:
    expected = arrays.read(folder / "expected.npz")
    program = snn_ipu.load(folder)
    outs = flat(program(expected["x"]))
    for i, out in enumerate(outs):
        close(out.detach(), expected[f"out.{i}"], f"{folder.name}, output {i}")
    sum((out * expected[f"weigh.{i}"]).sum() for i, out in enumerate(outs)).backward()
    gradients = {name: p.grad for name, p in program.graph.net.named_parameters() if p.grad is not None}
    reference = {name[len("grad.") :]: value for name, value in expected.items() if name.startswith("grad.")}
    for name, value in reference.items():
        close(gradients[name], value, f"{folder.name}, gradient of {name}")


def check_training(folder: pathlib.Path) -> None:
    program = snn_ipu.load(folder)
    x = arrays.read(folder / "expected.npz")["x"]
    before = {name: value.clone() for name, value in program.state().items()}
    optimizer = torch.optim.SGD(program.parameters(), 0.05)
    step = program.training(optimizer, gradient_accumulation=x.shape[0])
    losses = [float(step(x, torch.arange(x.shape[0]) % 5)[1]) for _ in range(3)]
    assert all(value == value for value in losses)
    program.inference()(x)
    program.save(folder / "trained.npz")
    trained = snn_ipu.weights(folder / "trained.npz")
    assert set(trained) == set(before)
    assert any(not trained[name].equal(before[name]) for name in before)


def check_refusals(folder: pathlib.Path) -> None:
    copy = folder.parent / "refused"
    shutil.copytree(str(folder), str(copy))
    description = json.loads((copy / "program.json").read_text())
    (copy / "program.json").write_text(json.dumps({**description, "version": 99}))
    for error, call in (
        (snn_ipu.BundleError, lambda: snn_ipu.load(copy)),
        (snn_ipu.IpuUnavailable, lambda: snn_ipu.load(folder).inference(target="hw")),
        (snn_ipu.IpuUnavailable, build.build),
        (snn_ipu.IpuUnavailable, lambda: pack.pack(folder / "snn_ipu-0-py3-none-any.whl", folder)),
        (ValueError, lambda: snn_ipu.load(folder)(torch.zeros(1, 1, 1, 1))),
    ):
        try:
            call()
        except error:
            continue
        raise AssertionError(f"{error.__name__} was not raised")


def main(folder: pathlib.Path) -> None:
    bundles = sorted(folder.iterdir())
    for bundle in bundles:
        check_numbers(bundle)
        check_training(bundle)
    assert report.compare(bundles[0], target="cpu")["losses"]["cpu"]
    check_refusals(bundles[0])
    assert "snn_core" not in sys.modules
    print(f"{len(bundles)} bundles on Python {sys.version.split()[0]}, torch {torch.__version__}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
