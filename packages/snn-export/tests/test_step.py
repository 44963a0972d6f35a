"""One step as a program of torch.export: the numbers of the net, for every neuron, whatever the batch."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn
from snn_export import export

from .zoo import NETS, Explicit, looped, net_and_inputs, of_core

every_neuron = pytest.mark.parametrize("case", of_core.NEURONS, ids=str)


def states_of(net: nn.Module, inputs: list[Tensor], batch: int) -> list[Tensor]:
    """States at rest, by the shapes that a step leaves."""
    snn.utils.reset(net)
    run = snn.stream(net)
    if len(inputs) > 1:
        net(*inputs)
        states = [tensor for module in net.modules() for tensor in getattr(module, "_kept", None) or ()]
        snn.utils.reset(net)
    else:
        run(*inputs)
        states = list(run.state_dict().values())
    return [torch.zeros(batch, *tensor.shape[1:], dtype=tensor.dtype) for tensor in states]


def stepped(program: Any, net: nn.Module, inputs: list[Tensor]) -> list[Tensor]:
    """The outputs of a program that is run step by step from rest, stacked on time."""
    states = states_of(net, [sequence[0] for sequence in inputs], inputs[0].shape[1])
    steps = []
    for step in zip(*inputs, strict=True):
        out = program(*step, *states)
        outputs, states = out[: len(out) - len(states)], list(out[len(out) - len(states) :])
        steps.append(outputs)
    return [torch.stack(column) for column in zip(*steps, strict=True)]


@pytest.mark.exhaustive
@every_neuron
def test_every_neuron_gives_the_same_numbers_step_by_step(case: Any) -> None:
    net = nn.Sequential(case.make(init_hidden=True)).eval()
    program = export(net, case.input(1)[0], format="torch").module()
    for batch in (1, 5):
        xs = case.input(9, batch=batch)
        (expected,) = looped(net, [xs])
        (spk,) = stepped(program, net, [xs])
        assert torch.equal(spk, expected)
    assert expected.count_nonzero()


@pytest.mark.parametrize("name", NETS)
def test_every_net_gives_the_same_numbers_for_every_batch(name: str) -> None:
    net, inputs = net_and_inputs(name)
    program = export(net, tuple(sequence[0] for sequence in inputs(1, 3)), format="torch").module()
    for batch in (1, 7):
        xs = inputs(9, batch)
        outputs, expected = stepped(program, net, xs), looped(net, xs)
        torch.testing.assert_close(outputs, expected, rtol=1e-6, atol=1e-6)
        assert any(tensor.count_nonzero() for tensor in expected)


def test_a_fixed_batch_is_that_of_the_sample() -> None:
    net, inputs = net_and_inputs("dense")
    program = export(net, inputs(1, 3)[0][0], format="torch", dynamic=()).module()
    xs = inputs(5, 3)
    assert torch.equal(stepped(program, net, xs)[0], looped(net, xs)[0])
    with pytest.raises(Exception, match="3"):
        program(torch.zeros(4, 5), torch.zeros(4, 6), torch.zeros(4, 3))


def test_a_net_called_by_explicit_states_is_the_function_that_it_is() -> None:
    net = Explicit()
    x, syn, mem = torch.rand(3, 5), torch.rand(3, 4), torch.rand(3, 4)
    program = export(net, (x, syn, mem), format="torch").module()
    for batch in (1, 7):
        x, syn, mem = torch.rand(batch, 5), torch.rand(batch, 4), torch.rand(batch, 4)
        with torch.no_grad():
            torch.testing.assert_close(tuple(program(x, syn, mem)), tuple(net(x, syn, mem)))


def test_outputs_may_be_of_other_kinds_than_spikes() -> None:
    class Classes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.neuron = snn.Leaky(beta=0.9, init_hidden=True)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            spk = self.neuron(x)
            return spk.argmax(1), spk > 0

    net, xs = Classes(), 2 * torch.rand(4, 7, 5)
    program = export(net, xs[0, :3], format="torch").module()
    torch.testing.assert_close(stepped(program, net, [xs]), looped(net, [xs]))


def test_buffers_made_in_inference_mode_are_exported_as_others() -> None:
    net, x = nn.Sequential(nn.BatchNorm1d(5), snn.Leaky(beta=0.9, init_hidden=True)).eval(), torch.rand(3, 5)
    with torch.inference_mode():
        net[0].running_mean = torch.rand(5)
    program = export(net, x, format="torch").module()
    with torch.no_grad():
        torch.testing.assert_close(program(x, torch.zeros(3, 5))[1], net[0](x), rtol=1e-6, atol=1e-6)


def test_the_state_and_parameters_of_the_net_are_unchanged() -> None:
    net, inputs = net_and_inputs("several outputs")
    with torch.no_grad():
        net(inputs(1, 4)[0][0])
        before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
        states = [module._kept for module in net.modules() if hasattr(module, "_kept")]
        export(net, inputs(1, 3)[0][0], format="torch")
    assert all(a is b for a, b in zip(states, [m._kept for m in net.modules() if hasattr(m, "_kept")], strict=True))
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    assert not any(p.grad is not None for p in net.parameters())


@pytest.mark.filterwarnings("ignore:The given buffer is not writable:UserWarning")  # PyTorch 2.10 of its own file
def test_the_file_says_what_goes_in_and_out_and_by_which_versions(tmp_path: pathlib.Path) -> None:
    net, inputs = net_and_inputs("several outputs")
    export(net, inputs(1, 3)[0][0], tmp_path / "net.pt2", format="torch")
    extra = {"snn.json": ""}
    torch.export.load(tmp_path / "net.pt2", extra_files=extra)
    metadata = json.loads(extra["snn.json"])
    assert [(entry["name"], entry["shape"]) for entry in metadata["inputs"]] == [
        ("x", ["batch", 5]),
        ("body.1.mem", ["batch", 6]),
        ("head.mem", ["batch", 3]),
    ]
    assert [entry["name"] for entry in metadata["outputs"]] == [
        *("out.hidden", "out.read.0", "out.read.1", "body.1.mem.next", "head.mem.next"),
    ]
    assert metadata["states"] == metadata["inputs"][1:]
    assert (metadata["over"], metadata["versions"]["torch"]) == ("step", torch.__version__)


def test_a_program_holds_neither_the_sample_nor_a_path_of_the_machine(tmp_path: pathlib.Path) -> None:
    net, _ = net_and_inputs("residual")
    sample = torch.full((3, 5), 0.123456789)
    program = export(net, sample, tmp_path / "net.pt2", format="torch")
    assert not any(torch.equal(tensor, sample) for tensor in program.example_inputs[0])
    content = (tmp_path / "net.pt2").read_bytes()
    assert bytes(sample.untyped_storage()) not in content
    assert b".py" not in content
