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
from trust.neurons import EVERY, Neuron

pytestmark = [
    pytest.mark.needs("snn-core"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),  # of the exporter about itself
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
every_neuron = pytest.mark.parametrize("neuron", EVERY, ids=lambda n: n.name)


class OneStep(nn.Module):
    """A neuron's step as a function of tensors alone."""

    def __init__(self, neuron: Any) -> None:
        super().__init__()
        self.neuron = neuron

    def forward(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        spk, after = self.neuron.step(x, self.neuron.State._make(states))
        return spk, *after


def started(file: pathlib.Path, model: nn.Module, given: tuple[Tensor, ...], axis: int) -> Any:
    """A session of the exported file, the batch on ``axis`` free, as a function of tensors."""
    batch = torch.export.Dim("batch")
    shapes = ({axis: batch}, tuple({axis: batch} for _ in given[1:])) if len(given) > 1 else ({axis: batch},)
    torch.onnx.export(model.eval(), given, file, dynamo=True, dynamic_shapes=shapes, verbose=False)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]

    def run(*given: Tensor) -> list[Tensor]:
        feed = {name: t.detach().numpy() for name, t in zip(names, given, strict=True)}
        return [torch.from_numpy(found) for found in session.run(None, feed)]

    return run


@every_neuron
def test_a_file_gives_the_numbers_of_the_neuron(neuron: Neuron, tmp_path):
    model, file = neuron.make().float(), tmp_path / "neuron.onnx"
    xs = neuron.input(8).float()
    larger = torch.cat([xs, 0.5 * xs], 1)
    with torch.no_grad():
        if neuron.whole:
            run = started(file, model, (xs,), axis=1)
            torch.testing.assert_close(run(larger), tree_leaves(model(larger)), rtol=1e-5, atol=1e-6)
            return
        states = tuple(model.step(xs[0])[1])
        run = started(file, OneStep(model), (xs[0], *states), axis=0)
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
        ) as refused:
            torch.onnx.export(net, (xs[0],), tmp_path / "net.onnx", dynamo=True, verbose=False)
        assert isinstance(refused.value.__cause__, RuntimeError)
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
    run = started(tmp_path / "net.onnx", Unrolled(net), (xs[:, :3],), axis=1)
    with torch.no_grad():
        expected = torch.stack([net(x) for x in xs])
    assert 0 < expected.mean() < 1
    torch.testing.assert_close(run(xs), [expected])
