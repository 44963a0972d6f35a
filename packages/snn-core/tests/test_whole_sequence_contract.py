"""For every layer that takes a whole sequence at once: it is causal, and behaves as any other module does."""

from __future__ import annotations

import contextlib
import copy
import io
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

from .zoo import WHOLE, close, gradients

every_layer = pytest.mark.parametrize("make", WHOLE.values(), ids=WHOLE)


def build(make: Callable[[], nn.Module], dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(0)
    return make().to(dtype)


def listed(outputs: Any) -> list[Tensor]:
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def sequence(dtype: torch.dtype = torch.float64) -> Tensor:
    return 2 * torch.randn(9, 3, 5, dtype=torch.float64).to(dtype)


@every_layer
def test_an_output_depends_on_no_later_input(make) -> None:
    layer, xs = build(make), sequence()
    whole = listed(layer(xs))
    for t in (1, 4, 8):
        close([o[:t] for o in whole], listed(layer(xs[:t])))


@every_layer
def test_samples_do_not_see_each_other_and_the_batch_may_be_empty(make) -> None:
    layer, xs = build(make), sequence()
    whole = listed(layer(xs))
    alone = [listed(layer(xs[:, b : b + 1])) for b in range(3)]
    close([torch.cat(parts, dim=1) for parts in zip(*alone, strict=True)], whole)
    assert [o.shape[:2] for o in listed(layer(xs[:, :0]))] == [(9, 0)] * len(whole)


@every_layer
@pytest.mark.parametrize("output", [True, False])
def test_a_call_returns_what_the_layer_names_and_spikes_first(make, output: bool) -> None:
    layer: Any = build(make)
    if isinstance(layer, snn.StateLeaky):
        layer.output = output
    first, *_ = outputs = listed(layer(sequence()))
    assert len(outputs) == len(layer.output_names)
    assert ("spk" in layer.output_names) == bool(((first == 0) | (first == 1)).all())


@pytest.mark.parametrize(
    "make",
    [*WHOLE.values(), *(partial(snn.StateLeaky, 0.5, channels=5, kernel_truncation_steps=n) for n in (1, 2, 7))],
    ids=[*WHOLE, "window of 1", "window of 2", "window of 7"],
)
@pytest.mark.parametrize("steps", [1, 2, 9])
def test_outputs_share_no_memory_with_the_input_or_each_other(make, steps: int) -> None:
    layer, xs = build(make), sequence()[:steps].clone()
    outputs, before = listed(layer(xs)), xs.clone()
    if isinstance(layer, snn.StateLeaky):
        _, state = layer.unroll(xs)
        _, states = layer.unroll(xs, trace=True)
        outputs += [*state, *states]
    memories = [t.untyped_storage().data_ptr() for t in (xs, *outputs)]
    assert len({*memories}) == len(memories)
    for out in outputs:
        out.detach().add_(1)
    assert torch.equal(xs, before)


@every_layer
def test_every_call_starts_from_rest(make) -> None:
    layer, xs = build(make), sequence()
    first = listed(layer(xs))
    layer(xs.flip(0))
    close(listed(layer(xs)), first)


@every_layer
def test_input_need_not_be_contiguous(make) -> None:
    layer, xs = build(make), sequence()
    close(listed(layer(xs.movedim(0, -1).contiguous().movedim(-1, 0))), listed(layer(xs)))


@every_layer
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_outputs_and_gradients_keep_the_dtype(make, dtype: torch.dtype) -> None:
    layer, xs = build(make, dtype), sequence(dtype).requires_grad_()
    outputs = listed(layer(xs))
    assert {o.dtype for o in outputs} == {dtype}
    sum(o.sum() for o in outputs).backward()
    assert xs.grad is not None
    assert xs.grad.dtype == dtype
    assert xs.grad.isfinite().all()


@every_layer
def test_copies_and_files_give_the_same_numbers(make) -> None:
    layer, xs = build(make), sequence().requires_grad_()
    expected = listed(layer(xs))
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), torch.load(file, weights_only=False)):
        close(listed(twin(xs)), expected)
    other = make().double()
    other.load_state_dict(layer.state_dict(), strict=True)
    for a, b in zip(listed(other(xs)), expected, strict=True):
        assert torch.equal(a, b)


@every_layer
def test_under_unroll_it_gives_what_a_call_gives(make) -> None:
    layer, xs = build(make), sequence().requires_grad_()
    inputs = [xs, *(p for p in layer.parameters() if p.requires_grad)]
    expected = listed(layer(xs))
    outputs, schedule = snn.unroll(layer, xs, explain=True)
    assert schedule.kind == "layers"
    close(listed(outputs), expected)
    close(gradients(listed(outputs), inputs), gradients(expected, inputs))


@every_layer
def test_a_net_that_must_run_step_by_step_raises_an_error_and_gives_no_other_number(make) -> None:
    net = nn.Sequential(nn.Identity(), build(make))
    net[0].register_forward_hook(lambda *call: None)
    with pytest.raises(ValueError, match=type(net[1]).__name__):
        snn.unroll(net, sequence())


@every_layer
@pytest.mark.parametrize("shape", [(3, 5), (0, 3, 5), (9, 3, 4), (9, 3, 5, 1)], ids=str)
def test_input_of_another_shape_is_an_error_that_names_the_layer(make, shape: tuple[int, ...]) -> None:
    layer, xs = build(make), torch.zeros(shape, dtype=torch.float64)
    if isinstance(layer, snn.PSN) and shape == (9, 3, 4):
        assert layer(xs).shape == shape  # its weights are of steps, for any number of features
        return
    with pytest.raises(ValueError, match=type(layer).__name__):
        layer(xs)


@pytest.mark.parametrize("name", ["StateLeaky", "LinearLeaky"])
def test_a_sequence_may_be_cut_by_passing_the_last_membrane_on(name: str) -> None:
    layer, xs = build(WHOLE[name]), sequence()
    spk, mem = layer(xs)
    first_spk, first_mem = layer(xs[:4])
    second_spk, second_mem = layer(xs[4:], first_mem[-1])
    close(torch.cat([first_spk, second_spk]), spk)
    close(torch.cat([first_mem, second_mem]), mem)
    last = layer.unroll(xs)[1]
    close(last.mem, mem[-1])


def test_a_truncated_memory_never_silently_gives_untruncated_numbers() -> None:
    layer, xs = build(WHOLE["StateLeaky truncated"]), sequence()
    spk, mem = layer(xs)
    # one membrane cannot say which of its input is too old, so a step or a state can only be refused
    with contextlib.suppress(ValueError):
        spk_unrolled, last = layer.unroll(xs)
        close(spk_unrolled, spk)
        close(last.mem, mem[-1])
    with pytest.raises(ValueError, match="kernel_truncation_steps"):
        layer.step(xs[0])
    with pytest.raises(ValueError, match="kernel_truncation_steps"):
        layer(xs, mem[-1])


@pytest.mark.parametrize("name", ["StateLeaky", "LinearLeaky", "AssociativeLeaky"])
def test_a_step_of_a_subclass_is_given_the_input_itself(name: str) -> None:
    inherited = getattr(snn, name)

    class Scaled(inherited):
        def step(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
            assert x.shape == (3, 5)
            return super().step(2 * x, state)

    layer, scaled, xs = build(WHOLE[name]), build(WHOLE[name]), sequence()
    scaled.__class__ = Scaled
    for out, expected in zip(scaled.unroll(xs), layer.unroll(2 * xs), strict=True):
        close(listed(out), listed(expected))
