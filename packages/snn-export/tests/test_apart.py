"""A file of torch.export in a process that has none of our packages: the numbers of the net."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest
import torch

from snn_export import export

from .test_step import states_of
from .zoo import looped, net_and_inputs

PROGRAM = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("snn", "snn_core", "snn_export", "snn_cpu"):
            raise ModuleNotFoundError(f"{name} is hidden", name=name)

sys.meta_path.insert(0, Refuse())
import torch
given = torch.load(sys.argv[1], weights_only=True)
step = torch.export.load(sys.argv[2]).module()
if given["over"] == "sequence":
    out = step(*given["inputs"])
    outputs = [out[: given["outputs"]]]
else:
    states, outputs = given["states"], []
    for x in zip(*given["inputs"]):
        out = step(*x, *states)
        states = out[given["outputs"] :]
        outputs.append(out[: given["outputs"]])
try:
    import snn_core
except ModuleNotFoundError:
    torch.save(outputs, sys.argv[3])
"""


@pytest.mark.parametrize("over", ["step", "sequence"])
@pytest.mark.parametrize("name", ["several outputs", pytest.param("delays", marks=pytest.mark.exhaustive)])
def test_a_file_runs_where_our_packages_are_not(name: str, over: str, tmp_path: pathlib.Path) -> None:
    net, inputs = net_and_inputs(name)
    xs = inputs(6, 4)
    expected = looped(net, xs)
    sample = inputs(2, 3)
    file = tmp_path / "given.pt"
    export(net, sample[0] if over == "sequence" else sample[0][0], tmp_path / "net.pt2", format="torch", over=over)
    states = states_of(net, [sequence[0] for sequence in xs], 4)
    torch.save({"inputs": xs, "states": states, "outputs": len(expected), "over": over}, file)
    files = (str(file), str(tmp_path / "net.pt2"), str(tmp_path / "out.pt"))
    process = subprocess.run([sys.executable, "-c", PROGRAM, *files], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    outputs = torch.load(tmp_path / "out.pt")
    result = list(outputs[0]) if over == "sequence" else [torch.stack(column) for column in zip(*outputs, strict=True)]
    torch.testing.assert_close(result, expected, rtol=1e-6, atol=1e-6)
