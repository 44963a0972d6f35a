"""``unroll(net, xs, batch_first=True)``: the loop over ``xs[:, t]``, in values and gradients, with every option."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

from .test_unroll import NETS, build, lif, listed
from .zoo import close, gradients

SAMPLES, STEPS = 3, 7
OPTIONS: dict[str, dict[str, Any]] = {
    "at once": {},
    "steps": {"schedule": "steps"},
    "chunks": {"chunk": 3},
    "chunks of steps": {"chunk": 2, "schedule": "steps"},
    "checked": {"check": True},
    "within a budget": {"memory": 2**26},
}
every_option = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def batches(xs: Tensor) -> Tensor:
    """Return an input of its own ``[batch, T, ...]`` with the numbers of one ``[T, batch, ...]``."""
    return xs.detach().transpose(0, 1).contiguous().requires_grad_()


def loop(net: nn.Module, xs: Tensor) -> list[Tensor]:
    """Run a net over ``xs[:, t]``, and stack the outputs on axis 1."""
    snn.utils.reset(net)
    steps = [listed(net(xs[:, t])) for t in range(xs.shape[1])]
    return [torch.stack(outs, dim=1) for outs in zip(*steps, strict=True)]


@pytest.mark.parametrize(("make", "shape"), NETS.values(), ids=NETS)
def test_it_is_the_loop_over_the_second_axis_of_the_input(make, shape) -> None:
    net, xs = build(make, shape)
    xs = batches(xs)
    inputs = [xs, *net.parameters()]
    expected = loop(net, xs)
    expected_gradients = gradients(expected, inputs)
    outputs = listed(snn.unroll(net, xs, batch_first=True))
    assert [out.shape[:2] for out in outputs] == [(SAMPLES, STEPS)] * len(expected)
    close(outputs, expected)
    close(gradients(outputs, inputs), expected_gradients)


@every_option
def test_every_option_means_the_same_for_the_turned_input(options) -> None:
    net, xs = build(*NETS["linear"])
    turned = batches(xs)
    expected = listed(snn.unroll(net, xs, **options))
    outputs = listed(snn.unroll(net, turned, batch_first=True, **options))
    for out, of_turned in zip(expected, outputs, strict=True):
        assert torch.equal(out.transpose(0, 1), of_turned)
    weights = [torch.randn_like(out) for out in expected]
    torch.autograd.backward(expected, weights)
    before = [p.grad.clone() for p in net.parameters() if p.grad is not None]
    net.zero_grad()
    torch.autograd.backward(outputs, [weight.transpose(0, 1) for weight in weights])
    close([p.grad for p in net.parameters() if p.grad is not None], before)
    assert xs.grad is not None
    assert turned.grad is not None
    close([turned.grad.transpose(0, 1)], [xs.grad])


@pytest.mark.parametrize("schedule", ["auto", "steps"])
def test_lengths_end_samples_on_axis_0(schedule) -> None:
    net, xs = build(*NETS["linear"])
    lengths = [4, 7, 1]
    outputs = listed(snn.unroll(net, batches(xs), lengths=lengths, batch_first=True, schedule=schedule))
    for sample, length in enumerate(lengths):
        alone = listed(snn.unroll(net, xs[:length, sample : sample + 1]))
        for out, of_alone in zip(outputs, alone, strict=True):
            close([out[sample, :length]], [of_alone[:, 0]])
            assert not out[sample, length:].any()


def test_the_masks_of_dropout_are_those_of_the_turned_input() -> None:
    net = nn.Sequential(nn.Linear(5, 7), nn.Dropout(0.5), lif()).double()
    xs = torch.rand(STEPS, SAMPLES, 5, dtype=torch.float64)
    torch.manual_seed(3)
    expected = snn.unroll(net, xs)
    torch.manual_seed(3)
    assert torch.equal(snn.unroll(net, batches(xs), batch_first=True).transpose(0, 1), expected)


def test_it_goes_on_from_the_state_of_an_earlier_part() -> None:
    net, xs = build(*NETS["recurrent"])
    whole = listed(snn.unroll(net, batches(xs), batch_first=True))
    parts = [
        listed(snn.unroll(net, batches(part), batch_first=True, resume=number > 0))
        for number, part in enumerate((xs[:2], xs[2:]))
    ]
    close([torch.cat(outs, dim=1) for outs in zip(*parts, strict=True)], whole)


def test_a_schedule_holds_for_both_orders() -> None:
    net, xs = build(*NETS["residual"])
    expected, how = snn.unroll(net, xs, explain=True)
    outputs, again = snn.unroll(copy.deepcopy(net), batches(xs), batch_first=True, explain=True)
    assert again.kind == how.kind == "layers"
    close([out.transpose(0, 1) for out in outputs], list(expected))
    close(list(snn.unroll(net, batches(xs), batch_first=True, schedule=how)), list(outputs))


class Outputs(NamedTuple):
    spk: Tensor
    rate: Tensor
    states: dict[str, Tensor]


class Several(nn.Module):
    """Returns a structure, with one tensor that has no axis of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.lif = lif(output=True)

    def forward(self, x: Tensor) -> Outputs:
        spk, mem = self.lif(x)
        return Outputs(spk, spk.mean(), {"mem": mem})


def test_every_tensor_of_a_structure_is_turned_if_it_has_two_axes() -> None:
    xs = torch.rand(SAMPLES, STEPS, 5)
    out = snn.unroll(Several(), xs, batch_first=True)
    assert isinstance(out, Outputs)
    assert (out.spk.shape, out.states["mem"].shape) == (xs.shape, xs.shape)
    close([out.rate], [out.spk.mean((0, 2))])


@pytest.mark.parametrize("flag", ["yes", 1, None])
def test_anything_but_a_bool_is_refused(flag) -> None:
    with pytest.raises(TypeError, match=f"unroll: batch_first must be True .* or False .*, got {flag!r}"):
        snn.unroll(lif(), torch.rand(3, 2), batch_first=flag)


def test_an_input_without_both_axes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[batch, T, \.\.\.\].* got shape \(4,\); for one sample .*unsqueeze\(0\)"):
        snn.unroll(lif(), torch.rand(4), batch_first=True)
    for shape in ((), (4, 0), (4, 0, 2)):
        with pytest.raises(ValueError, match=r"\[batch, T, \.\.\.\] with T >= 1 steps, got shape"):
            snn.unroll(lif(), torch.rand(shape), batch_first=True)
    with pytest.raises(TypeError, match=r"xs must be a tensor \[batch, T, \.\.\.\], got list"):
        snn.unroll(lif(), [torch.rand(3, 2)], batch_first=True)  # type: ignore[call-overload]


def test_errors_about_the_turned_input_say_so() -> None:
    with pytest.raises(ValueError, match="lengths has shape") as raised:
        snn.unroll(lif(), torch.rand(3, 7, 2), batch_first=True, lengths=[1] * 7)
    assert any("its first two axes were swapped" in note for note in raised.value.__notes__)
