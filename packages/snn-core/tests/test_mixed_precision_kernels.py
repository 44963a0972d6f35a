"""Fused kernels under autocast: input in half precision is cast for them, or read as it is by those that say so."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import snn_core as snn
from snn_core import kernels, surrogate
from snn_core.engines import Arguments, Upstream
from snn_core.engines.convolutions import ChannelsLast

from .stepped_programs import Stepped, stepped
from .test_mixed_precision import HALF, Cell, learned_gradients, same_numbers, single
from .zoo import NEURONS, Case, coarse, step_loop


class Wide(Stepped):
    """An engine that reads half precision itself."""

    widens = True

    def __init__(self) -> None:
        super().__init__()
        self.dtypes: list[torch.dtype] = []

    def forward(self, program: Any, call: Arguments, save: bool) -> Any:
        dtype = call.x.dtype
        self.dtypes.append(dtype)
        (spk, *after), saved = super().forward(program, call._replace(x=call.x.float()), save)
        return (spk.to(dtype), *after), saved

    def backward(self, program: Any, call: Arguments, upstream: Upstream, shape: torch.Size) -> Any:
        dtype = call.x.dtype
        self.dtypes += [dtype, upstream.grads[0].dtype]
        upstream = upstream._replace(grads=[None if g is None else g.float() for g in upstream.grads])
        of_x, *rest = super().backward(program, call._replace(x=call.x.float()), upstream, shape)
        return (of_x.to(dtype), *rest)


@HALF
@pytest.mark.parametrize("case", [c for c in NEURONS if c.name in ("leaky", "a user's adaptive neuron")], ids=str)
def test_an_engine_that_widens_gets_the_input_as_it_is(case: Case, dtype: torch.dtype) -> None:
    xs, neuron = case.input(dtype=torch.float32).to(dtype).requires_grad_(), single(case, learn_threshold=True)
    result = []
    for engine in (Wide(), Stepped()):
        with stepped(), torch.autocast("cpu", dtype):
            kernels.register("program", engine)
            assert kernels.choose(neuron, xs).name == "stepped"
            spk, state = neuron.unroll(xs)
        assert engine.calls == ["forward"]
        result.append((spk, *state, *learned_gradients(neuron, xs, (spk, *state))))
        assert engine.calls == ["forward", "backward"]
        if isinstance(engine, Wide):
            assert engine.dtypes == [dtype] * 3
    assert result[0][0].dtype == dtype
    for wide, narrow in zip(*result, strict=True):
        assert torch.equal(wide, narrow)


def test_input_that_is_the_same_in_all_steps_is_widened_once() -> None:
    lif, strides = snn.Leaky(beta=0.9, learn_beta=True), []
    xs = torch.rand(3, 5).bfloat16().requires_grad_()
    with stepped() as engine, torch.autocast("cpu", torch.bfloat16):
        forward = engine.forward
        engine.forward = lambda program, call, save: (strides.append(call.x.stride(0)), forward(program, call, save))[1]
        spk, state = lif.unroll(xs.expand(7, 3, 5))
    assert strides == [0]
    expected, expected_state = step_loop(lif, xs.float().expand(7, 3, 5))
    assert torch.equal(spk, expected.bfloat16())
    same_numbers(
        learned_gradients(lif, xs, (spk, *state)),
        learned_gradients(lif, xs, (expected, *expected_state)),
        torch.bfloat16,
        weights=True,
    )


@pytest.mark.parametrize("autocast", [False, True], ids=["", "autocast"])
def test_convolutions_under_autocast_get_their_channels_side_by_side(autocast: bool) -> None:
    conv, x = nn.Conv2d(3, 4, 3), torch.rand(2, 3, 5, 5).bfloat16()
    layout, inputs = ChannelsLast(), []
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        layout.convolved(lambda x: (inputs.append(x), conv.bfloat16()(x))[1], x)
    assert inputs[0].is_contiguous(memory_format=torch.channels_last) == autocast
    assert torch.equal(inputs[0], x)


def test_stored_input_keeps_its_narrow_dtype() -> None:
    lif, xs = snn.Leaky(beta=0.5), torch.rand(9, 5, 7, dtype=torch.bfloat16, requires_grad=True)
    with stepped() as engine, torch.autocast("cpu", torch.bfloat16):
        spk, _ = lif.unroll(xs)
    assert engine.calls == ["forward"]
    assert spk.grad_fn is not None
    assert spk.grad_fn.saved_tensors[0] is xs


def test_the_second_derivative_is_that_of_the_steps() -> None:
    lif = snn.Leaky(beta=0.5, learn_beta=True, spike_grad=surrogate.fast_sigmoid(5), reset_mechanism="none")
    xs = (torch.rand(5, 2, 3) + 0.2).bfloat16()
    results = []
    for run in (step_loop, lambda neuron, x: neuron.unroll(x)):
        with stepped(), torch.autocast("cpu", torch.bfloat16):
            x = xs.clone().requires_grad_()
            spk, state = run(lif, x)
        (grad,) = torch.autograd.grad((spk.float().sum() + state.mem.square().sum()), x, create_graph=True)
        results.append(torch.autograd.grad(grad.float().square().sum(), [x, lif.beta]))
    same_numbers(list(results[1]), list(results[0]), torch.bfloat16, weights=True)


def test_the_choice_and_the_schedule_say_what_runs() -> None:
    net = nn.Sequential(
        nn.Linear(5, 5),
        snn.Leaky(beta=0.9, init_hidden=True),
        Cell(init_hidden=True),
        snn.Leaky(beta=0.9, state_quant=coarse, init_hidden=True),
    )
    xs = torch.rand(9, 3, 5)
    with stepped() as engine, torch.autocast("cpu", torch.bfloat16):
        spk, plan = snn.unroll(net, xs, explain=True)
    assert [layer.how for layer in plan.layers] == [
        "all steps at once; dense product (no other implementation is installed for cpu)",
        "stepped (runs its step program)",
        "reference (autocast computes with its weights in another dtype)",
        "stepped (runs its step program)",
    ]
    assert engine.calls == ["forward"] * 2
    assert spk.dtype == torch.bfloat16
