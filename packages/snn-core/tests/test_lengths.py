"""``unroll(net, xs, lengths=...)``: padded equals unpadded, in values and gradients, whatever the padding holds."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import snn_core as snn
from snn_core import kernels

from .stepped_programs import stepped
from .test_unroll import NETS, build, lif
from .unequal import holds, listed, padded, states
from .zoo import NEURONS, VARIANTS, close

pytestmark = pytest.mark.exhaustive

LENGTHS = [4, 7, 1]
WAYS: dict[str, dict[str, Any]] = {
    "layers": {},
    "steps": {"schedule": "steps"},
    "chunks": {"chunk": 3},
    "chunks of steps": {"chunk": 2, "schedule": "steps"},
    "truncated": {"chunk": 2, "truncate": True},
}
every_way = pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)


@every_way
@pytest.mark.parametrize(("make", "shape"), NETS.values(), ids=NETS)
def test_the_law_holds_for_whole_nets(make, shape, options) -> None:
    net, xs = build(make, shape)
    holds(net, xs, LENGTHS, **options)


@pytest.mark.parametrize("options", [{}, {"schedule": "steps"}], ids=["layers", "steps"])
@pytest.mark.parametrize("case", VARIANTS, ids=str)
def test_the_law_holds_for_every_neuron(case, options) -> None:
    net = case.make(init_hidden=True, output=True, learn_graded_spikes_factor=True)
    holds(_Flat(net) if case.state_in_one else net, case.input(), LENGTHS, **options)


class _Flat(nn.Module):
    """Outputs of a neuron that returns its states as one tuple, side by side."""

    def __init__(self, neuron: nn.Module) -> None:
        super().__init__()
        self.neuron = neuron

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        spk, state = self.neuron(x)
        return spk, *state


LAYERS = {
    "LeakyParallel": lambda: snn.LeakyParallel(5, 7, beta=0.8, threshold=0.25, learn_beta=True),
    "LeakyParallel, full": lambda: snn.LeakyParallel(5, 7, threshold=0.25, learn_beta=True, weight_hh_enable=True),
    "StateLeaky": lambda: snn.StateLeaky(beta=0.8, channels=5, learn_beta=True, learn_threshold=True),
    "StateLeaky, truncated": lambda: snn.StateLeaky(beta=0.8, channels=5, kernel_truncation_steps=3),
    "LinearLeaky": lambda: snn.LinearLeaky(beta=0.8, in_features=5, out_features=7, learn_beta=True, threshold=0.25),
    "AssociativeLeaky": lambda: snn.AssociativeLeaky(5, 3, 2, 6),
    "AssociativeLeaky, no read-out": lambda: snn.AssociativeLeaky(5, 3, 2, 6, use_q_projection=False),
    "between others": lambda: nn.Sequential(
        nn.Linear(5, 6), snn.LinearLeaky(0.8, 6, 7, output=False), lif(), nn.Linear(7, 3), lif(output=True)
    ),
}


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_the_law_holds_for_layers_that_take_the_whole_sequence(make) -> None:
    net, xs = build(make, (7, 3, 5))
    holds(net, xs, LENGTHS)


@settings(max_examples=60)
@given(data=st.data())
def test_the_law_holds_for_any_lengths_schedule_and_chunk(data) -> None:
    name = data.draw(st.sampled_from(["linear", "recurrent", "scaled", "convolutional"]))
    make, (_, _, *features) = NETS[name]
    num_steps, batch = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 5))
    lengths = data.draw(st.lists(st.integers(0, num_steps), min_size=batch, max_size=batch))
    chunk = data.draw(st.none() | st.integers(1, num_steps))
    schedule = data.draw(st.sampled_from(["auto", "layers", "steps"]))
    net, xs = build(make, (num_steps, batch, *features))
    truncate = chunk is not None and data.draw(st.booleans())
    with stepped() if data.draw(st.booleans()) else mock.MagicMock():
        holds(net, xs, lengths, chunk=chunk, schedule=schedule, truncate=truncate)


@settings(max_examples=40)
@given(data=st.data())
def test_a_ragged_sequence_may_be_cut_anywhere(data) -> None:
    num_steps, cut = 7, data.draw(st.integers(1, 6))
    lengths = torch.tensor(data.draw(st.lists(st.integers(0, num_steps), min_size=4, max_size=4)))
    way = data.draw(st.sampled_from([{}, {"schedule": "steps"}, {"chunk": 2}]))
    net = nn.Sequential(nn.Linear(5, 6), snn.BatchNormTT1d(6, num_steps), lif(), nn.Linear(6, 3), lif(output=True))
    net = net.double().eval()
    xs = padded(torch.randn(num_steps, 4, 5, dtype=torch.float64), lengths.tolist())
    whole = listed(snn.unroll(net, xs, lengths=lengths, **way))
    expected = torch.autograd.grad(sum(o.sum() for o in whole), list(net.parameters()), allow_unused=True)
    kept_states = [s.detach() for s in states(net)]
    first = listed(snn.unroll(net, xs[:cut], lengths=lengths.clamp(max=cut), **way))
    second = listed(snn.unroll(net, xs[cut:], lengths=(lengths - cut).clamp(min=0), resume=True, **way))
    joined = [torch.cat(pair) for pair in zip(first, second, strict=True)]
    close(joined, whole)
    close([s.detach() for s in states(net)], kept_states)
    gradients = torch.autograd.grad(sum(o.sum() for o in joined), list(net.parameters()), allow_unused=True)
    close([f for f in gradients if f is not None], [w for w in expected if w is not None])


@pytest.mark.parametrize("worth", [1, 2**15], ids=["kernel by segments", "kernel at once"])
@pytest.mark.parametrize("output", [True, False])
@pytest.mark.parametrize("case", NEURONS, ids=str)
def test_the_law_holds_with_fused_kernels(case, worth: int, output: bool) -> None:
    net = case.make(init_hidden=True, output=output)
    with stepped() as kernel, mock.patch("snn_core.sequence.ragged._WORTH_A_CALL", worth):
        holds(_Flat(net) if case.state_in_one and output else net, case.input(), LENGTHS)
        holds(_Flat(net) if case.state_in_one and output else net, case.input(), [0, 5, 7], chunk=4)
        choice = kernels.choose(net, case.input())
    assert bool(kernel.calls) == (choice.name == "stepped")


def _calls(worth: int) -> int:
    net = nn.Sequential(nn.Linear(5, 4), lif())
    with stepped() as kernel, mock.patch("snn_core.sequence.ragged._WORTH_A_CALL", worth):
        snn.unroll(net, torch.randn(7, 3, 5), lengths=LENGTHS)
    return kernel.calls.count("forward")


def test_a_kernel_is_called_once_for_short_input_and_once_a_segment_for_long() -> None:
    assert _calls(worth=2**15) == 1
    assert _calls(worth=1) == 3


def unstable() -> snn.Lapicque:
    """A step of 3.5 time constants: a membrane grows by 2.5 in every step, with no input at all."""
    return snn.Lapicque(beta=0.03, learn_beta=True, reset_mechanism="none", init_hidden=True, output=True)


def test_a_kernel_that_blows_up_after_a_samples_end_leaves_no_trace() -> None:
    xs = torch.zeros(250, 2, 3, dtype=torch.float64)
    xs[:3, 1] = 1e250
    neuron = unstable().double()
    assert not neuron.unroll(xs)[1].mem.isfinite().all()
    with stepped() as kernel:
        holds(neuron, xs, [250, 3])
    assert len(kernel.calls) > 2


@pytest.mark.parametrize("options", [{}, {"schedule": "steps"}], ids=["layers", "steps"])
def test_a_users_neuron_that_blows_up_after_a_samples_end_leaves_no_trace(options) -> None:
    case = next(c for c in NEURONS if "quadratic" in str(c))
    neuron = case.make(init_hidden=True, output=True, reset_mechanism="none")
    xs = torch.zeros(40, 2, 5, dtype=torch.float64)
    xs[0, 1] = 20.0
    assert not neuron.unroll(xs)[1].mem.isfinite().all()
    holds(neuron, xs, [40, 2], **options)


def test_a_recurrent_layer_that_blows_up_after_a_samples_end_leaves_no_trace() -> None:
    layer = snn.LeakyParallel(2, 2, learn_beta=True, weight_hh_enable=True, bias=False).double()
    with torch.no_grad():
        layer.rnn.weight_hh_l0.copy_(torch.tensor([[3.0, 0.0], [1.0, 3.0]]))
        layer.rnn.weight_ih_l0.fill_(1.0)
    xs = torch.zeros(900, 2, 2, dtype=torch.float64)
    xs[:2, 1] = 1.0
    holds(layer, xs, [900, 2])


def test_functions_not_finite_at_zero_never_see_a_padded_zero() -> None:
    class Logarithm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.spike = nn.Linear(5, 4), lif()

        def forward(self, x: Tensor) -> Tensor:
            return self.spike(self.linear(x.sqrt() / x.abs().square()))

    holds(Logarithm().double(), torch.rand(7, 3, 5, dtype=torch.float64) + 0.1, LENGTHS)


@pytest.mark.parametrize("options", [{}, {"chunk": 3}, {"schedule": "steps"}], ids=str)
def test_gradients_are_those_of_finite_differences(options) -> None:
    class Membranes(nn.Module):
        """Smooth in everything: no spike has a say."""

        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, 3)
            self.first = snn.Synaptic(0.6, 0.8, init_hidden=True, output=True, reset_mechanism="none", learn_beta=True)
            self.second = snn.Leaky(0.7, init_hidden=True, output=True, reset_mechanism="none", learn_beta=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.second(torch.tanh(self.first(self.linear(x))[2]))[1]

    net = Membranes().double()
    xs = torch.randn(4, 3, 2, dtype=torch.float64, requires_grad=True)
    began = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)

    def run(xs: Tensor, began: Tensor, *parameters: Tensor) -> tuple[Tensor, ...]:
        snn.utils.reset(net)
        net.second.mem = began
        out = snn.unroll(net, xs, lengths=[2, 4, 0], resume=True, **options)
        return out, net.first.syn, net.second.mem

    assert torch.autograd.gradcheck(run, (xs, began, *net.parameters()))


@pytest.mark.parametrize("schedule", ["steps", "auto"])
@pytest.mark.parametrize("field", ["syn", "mem"])
def test_a_state_that_is_set_stays_with_a_sample_of_no_steps_while_another_is_at_rest(
    field: str, schedule: str
) -> None:
    net = snn.Synaptic(alpha=0.9, beta=0.8, init_hidden=True).double()
    xs, value = torch.rand(3, 2, 5).double(), torch.rand(2, 5).double()
    setattr(net, field, value[:1])
    alone = torch.stack([net(x[:1]) for x in xs])
    expected = {name: torch.cat([getattr(net, name), value[1:] * (name == field)]) for name in ("syn", "mem")}
    snn.utils.reset(net)
    setattr(net, field, value)
    spk = snn.unroll(net, xs, lengths=[3, 0], resume=True, schedule=schedule)
    close(spk, torch.cat([alone, torch.zeros_like(alone)], 1))
    close({name: getattr(net, name) for name in expected}, expected)


def test_a_learned_initial_state_gets_the_gradient_of_each_sample() -> None:
    began = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    neuron = lif(output=True).double()
    xs, weights = torch.randn(7, 3, 4, dtype=torch.float64), torch.randn(7, 3, 4, dtype=torch.float64)

    def gradient(samples: slice, num_steps: int, **lengths: Any) -> tuple[Tensor, Tensor]:
        snn.utils.reset(neuron)
        neuron.mem = began[samples]
        spk, mem = snn.unroll(neuron, xs[:num_steps, samples], resume=True, **lengths)
        (gradient,) = torch.autograd.grad(((spk + mem) * weights[:num_steps, samples]).sum() + neuron.mem.sum(), began)
        return gradient, neuron.mem.detach()

    lengths = [4, 7, 0]
    result, left = gradient(slice(0, 3), 7, lengths=lengths)
    for sample in (0, 1):
        expected, alone = gradient(slice(sample, sample + 1), lengths[sample])
        close(result[sample], expected[sample])
        close(left[sample], alone[0])
    close((result[2], left[2]), (torch.ones(4, dtype=torch.float64), began[2].detach()))
