"""Nets as files of ExecuTorch, run by its runtime on this CPU: the numbers of PyTorch."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
import torch
from executorch.runtime import Runtime
from torch import Tensor, nn

import snn_core as snn
from snn_export import export

from .zoo import NETS, looped, net_and_inputs, of_core

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


class File:
    """A file of ExecuTorch in its runtime, as a function of tensors."""

    def __init__(self, path: pathlib.Path) -> None:
        self._program = Runtime.get().load_program(path)
        self._method = self._program.load_method("forward")
        self.said = json.loads(self._program.load_method("snn_json").execute([])[0])

    def __call__(self, *tensors: Tensor) -> list[Tensor]:
        return [tensor.clone() for tensor in self._method.execute([tensor.contiguous() for tensor in tensors])]

    def stepped(self, inputs: list[Tensor]) -> list[Tensor]:
        """Outputs step by step from rest, stacked on time."""
        states = [torch.zeros(inputs[0].shape[1], *state["shape"][1:]) for state in self.said["states"]]
        steps = []
        for step in zip(*inputs, strict=True):
            out = self(*step, *states)
            outputs, states = out[: len(out) - len(states)], out[len(out) - len(states) :]
            steps.append(outputs)
        return [torch.stack(column) for column in zip(*steps, strict=True)]


def close(result: list[Tensor], expected: list[Tensor]) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5, check_stride=False)
    assert any(tensor.count_nonzero() for tensor in expected)


@pytest.mark.parametrize("name", sorted(NETS.keys() - {"nested"}))
def test_a_step_of_a_net_gives_its_numbers_up_to_the_batch_of_the_sample(name: str, tmp_path: pathlib.Path) -> None:
    net, inputs = net_and_inputs(name)
    export(net, tuple(sequence[0] for sequence in inputs(1, 7)), tmp_path / "net.pte", format="executorch")
    for batch in (7, 3, 1):
        xs = inputs(20, batch)
        close(File(tmp_path / "net.pte").stepped(xs), looped(net, xs))


@pytest.mark.parametrize("case", of_core.NEURONS, ids=str)
def test_a_step_of_a_neuron_gives_its_numbers(case: Any, tmp_path: pathlib.Path) -> None:
    net, xs = nn.Sequential(case.make(init_hidden=True).float()).eval(), case.input(9, dtype=torch.float32)
    of_cells = isinstance(net[0], snn.SLSTM | snn.SConv2dLSTM)  # whose gates ExecuTorch divides at one batch size only
    export(net, xs[0], tmp_path / "net.pte", format="executorch", dynamic=() if of_cells else ("batch",))
    close(File(tmp_path / "net.pte").stepped([xs]), looped(net, [xs]))


@pytest.mark.parametrize("name", ["dense", "recurrent", "several outputs"])
def test_a_sequence_of_a_net_gives_its_numbers(name: str, tmp_path: pathlib.Path) -> None:
    net, inputs = net_and_inputs(name)
    export(net, tuple(inputs(9, 7)), tmp_path / "net.pte", format="executorch", over="sequence", dynamic=("time",))
    run = File(tmp_path / "net.pte")
    for steps in (9, 4):
        xs = inputs(steps, 7)
        expected = looped(net, xs)
        close(run(*xs)[: len(expected)], expected)


@pytest.mark.parametrize("name", ["nested", "cells"])
def test_operations_that_the_runtime_lacks_are_refused(name: str, tmp_path: pathlib.Path) -> None:
    net, inputs = net_and_inputs("nested")
    (xs,) = inputs(9, 7)
    if name == "cells":
        net = nn.Sequential(snn.SLSTM(xs.shape[-1], 4, threshold=0.05, init_hidden=True)).eval()
    with pytest.raises(ValueError, match=r"does not run Sequential with a batch of 1 .*pass dynamic=\(\)"):
        export(net, xs[0], tmp_path / "net.pte", format="executorch")
    assert not list(tmp_path.iterdir())
    export(net, xs[0], tmp_path / "net.pte", format="executorch", dynamic=())
    close(File(tmp_path / "net.pte").stepped([xs]), looped(net, [xs]))


def test_xnnpack_takes_the_products(tmp_path: pathlib.Path) -> None:
    net, inputs = net_and_inputs("dense")
    manager = export(net, inputs(1, 4)[0][0], tmp_path / "net.pte", format="executorch")
    (plan,) = [plan for plan in manager.executorch_program.execution_plan if plan.name == "forward"]
    assert {delegate.id for delegate in plan.delegates} == {"XnnpackBackend"}
    assert not any("linear" in operator.name or "addmm" in operator.name for operator in plan.operators)


def test_a_larger_batch_than_the_sample_is_an_error_of_the_runtime(tmp_path: pathlib.Path) -> None:
    net, inputs = net_and_inputs("dense")
    export(net, inputs(1, 2)[0][0], tmp_path / "net.pte", format="executorch")
    with pytest.raises(RuntimeError, match="set_inputs"):
        File(tmp_path / "net.pte")(torch.zeros(3, 5), torch.zeros(3, 6), torch.zeros(3, 3))


def test_an_unsupported_operation_is_named_and_leaves_no_file(tmp_path: pathlib.Path) -> None:
    class Odd(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.special.bessel_j0(x)

    with pytest.raises(ValueError, match=r"^export: Odd cannot be lowered to ExecuTorch: "):
        export(Odd(), torch.rand(3, 5), tmp_path / "net.pte", format="executorch")
    assert not list(tmp_path.iterdir())
