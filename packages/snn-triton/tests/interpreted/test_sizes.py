"""Sequences of any number of steps and columns, in any number of blocks."""

from __future__ import annotations

import pytest
import torch

import snn_core as snn
from snn_core.engines import Arguments
from snn_triton.engine import Engine, block_size

from .comparison import DTYPES, Comparison, by_kernels, drive, offered, same_bits
from .functions import FUNCTIONS

NEURONS = {
    "leaky": lambda: snn.Leaky(0.9, learn_beta=True, learn_threshold=True),
    "synaptic": lambda: snn.Synaptic(0.8, 0.7, reset_mechanism="zero", learn_alpha=True),
}
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


# segments of K = 1, 1, 3 and 6 steps, as many as there are of these and one step more or less
@every_dtype
@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 7, 33])
@pytest.mark.parametrize("columns", [1, 3, 17])
@pytest.mark.usefixtures("narrow")
def test_few_columns(columns: int, steps: int, dtype: torch.dtype) -> None:
    trace = steps in (3, 4, 33)
    Comparison(NEURONS["leaky"]().to(dtype), drive(steps, columns, dtype=dtype), trace=trace).agrees()


@every_dtype
@pytest.mark.parametrize("columns", [130, 1030])
@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.usefixtures("wide")
def test_many_columns(steps: int, columns: int, dtype: torch.dtype) -> None:
    Comparison(NEURONS["synaptic"]().to(dtype), drive(steps, 2, columns // 2, dtype=dtype)).agrees()


# segments are 32 steps long at most
@pytest.mark.parametrize(("steps", "trace"), [(1000, True), (1026, False)])
@pytest.mark.usefixtures("wide")
def test_many_steps(steps: int, trace: bool) -> None:
    Comparison(NEURONS["leaky"](), drive(steps, 3, dtype=torch.float32), trace=trace).agrees()


@pytest.mark.parametrize("name", NEURONS)
def test_the_size_of_a_block_changes_no_bit(name: str) -> None:
    neuron, outcomes = NEURONS[name](), []
    comparison = Comparison(neuron, drive(9, 9, dtype=torch.float32))
    for block in (2, 4, 16):
        with offered(Engine("cpu", block, FUNCTIONS)):
            outputs, gradients = comparison.outcome(by_kernels)
            outcomes.append([*outputs, *gradients])
    for other in outcomes[1:]:
        for f, e in zip(other, outcomes[0], strict=True):
            same_bits(f, e)


def test_blocks_have_the_chosen_size_by_default() -> None:
    assert block_size(130, "float32", 1) == 128
    with offered(Engine("cpu", functions=FUNCTIONS)):
        Comparison(NEURONS["leaky"](), drive(5, 130, dtype=torch.float32)).agrees()


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("shape", [(0,), (0, 7), (3, 0, 2)], ids=str)
@pytest.mark.usefixtures("narrow")
def test_a_batch_of_nothing(shape: tuple[int, ...], trace: bool) -> None:
    neuron = NEURONS["leaky"]()
    comparison = Comparison(neuron, torch.zeros(5, *shape), neuron.State(torch.zeros(shape)), trace)
    outputs, gradients = comparison.outcome(by_kernels)
    assert [o.shape for o in outputs] == [(5, *shape), (5, *shape) if trace else shape]
    assert [g.shape for g in gradients] == [(5, *shape), shape, (), ()]
    assert [g.tolist() for g in gradients[2:]] == [0, 0]


@pytest.mark.parametrize("shape", [(1,), (3, 1), (1, 1, 1, 1, 2)], ids=str)
@pytest.mark.usefixtures("narrow")
def test_steps_of_any_number_of_axes(shape: tuple[int, ...]) -> None:
    Comparison(NEURONS["synaptic"](), drive(5, *shape, dtype=torch.float32), trace=True).agrees()


@pytest.mark.usefixtures("narrow")
def test_nothing_is_kept_without_a_backward_pass(narrow_engine: Engine) -> None:
    program, x = snn.program(NEURONS["leaky"]()), drive(10, 2, 5, dtype=torch.float32)
    call = Arguments(x, [torch.zeros(2, 5)], [torch.tensor(1.0), torch.tensor(0.9)], trace=False)
    out, tensors = narrow_engine.forward(program, call, save=False)
    others, (saved,) = narrow_engine.forward(program, call, save=True)
    assert tensors == ()
    assert saved.shape == (4, 1, 10)  # before the first step, two more of the nine before the last, and the last
    for o, e in zip(out, others, strict=True):
        same_bits(o, e)
