"""A step with its states as inputs and outputs, or a layer over sequences, in ONNX Runtime: the numbers of PyTorch.

What is run is the file; the batch in it is free.
"""

from __future__ import annotations

import pathlib
from typing import Any

import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import snn_core as snn
from snn_export import export
from trust.neurons import EVERY, Neuron

pytestmark = [
    pytest.mark.needs("snn-core", "snn-export"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),  # of the exporter about itself
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
every_neuron = pytest.mark.parametrize("neuron", EVERY, ids=lambda n: n.name)


def started(file: pathlib.Path) -> Any:
    """A session of a file as a function of tensors."""
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]

    def run(*tensors: Tensor) -> list[Tensor]:
        feed = {name: t.detach().numpy() for name, t in zip(names, tensors, strict=True)}
        return [torch.from_numpy(tensor) for tensor in session.run(None, feed)]

    return run


@every_neuron
def test_a_file_gives_the_numbers_of_the_neuron(neuron: Neuron, tmp_path):
    model, file = neuron.make().float(), tmp_path / "neuron.onnx"
    xs = neuron.input(8).float()
    larger = torch.cat([xs, 0.5 * xs], 1)
    with torch.no_grad():
        if neuron.whole:
            export(model.eval(), xs, file, format="onnx", over="sequence", dynamic=("batch",))
            torch.testing.assert_close(started(file)(larger), tree_leaves(model(larger)), rtol=1e-5, atol=1e-6)
            return
        module = neuron.make(init_hidden=True).float()
        export(module, xs[0], file, format="onnx")
        run = started(file)
        states = tuple(model.step(larger[0])[1])
        fired = 0.0
        for x in larger[1:]:
            spk, *ours = run(x, *states)
            expected, last = model.step(x, model.State._make(states))
            torch.testing.assert_close((spk, ours), (expected, list(last)), rtol=1e-5, atol=1e-6)
            states, fired = tuple(last), fired + float(spk.sum())
        assert fired > 0


@pytest.mark.parametrize("start", ["new", "run before", "reset"])
def test_a_net_that_keeps_its_state_is_refused_and_keeps_it(start: str, tmp_path: pathlib.Path):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 4), snn.Leaky(beta=0.9, init_hidden=True)).eval()
    xs = torch.rand(4, 3, 5)
    with torch.no_grad():
        expected = [net(x) for x in xs]
        snn.utils.reset(net)
        first = [net(x) for x in xs[:2]] if start == "run before" else []
        if start == "new":
            net[1] = snn.Leaky(beta=0.9, init_hidden=True)
        with pytest.raises(
            torch.onnx.OnnxExporterError, match=r"Leaky keeps a state.*snn\.export.*init_hidden=False"
        ) as error:
            torch.onnx.export(net, (xs[0],), tmp_path / "net.onnx", dynamo=True, verbose=False)
        assert isinstance(error.value.__cause__, RuntimeError)
        assert not list(tmp_path.iterdir())
        assert torch.equal(torch.stack(first + [net(x) for x in xs[len(first) :]]), torch.stack(expected))


def test_a_net_unrolled_in_a_forward_gives_the_numbers_of_pytorch(tmp_path: pathlib.Path):
    class Unrolled(nn.Module):
        def __init__(self, net: nn.Module) -> None:
            super().__init__()
            self.net = net

        def forward(self, xs: Tensor) -> Tensor:
            return snn.unroll(self.net, xs)

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 4), snn.Leaky(beta=0.9, init_hidden=True))
    xs = 4 * torch.rand(7, 6, 5)
    shapes = ({1: torch.export.Dim("batch")},)
    model = Unrolled(net).eval()
    torch.onnx.export(model, (xs[:, :3],), tmp_path / "net.onnx", dynamo=True, dynamic_shapes=shapes, verbose=False)
    run = started(tmp_path / "net.onnx")
    with torch.no_grad():
        expected = torch.stack([net(x) for x in xs])
    assert 0 < expected.mean() < 1
    torch.testing.assert_close(run(xs), [expected])
