"""Under autocast a neuron computes in float32 on the rounded input, and its spikes have the dtype of that input.

What the neuron is held against runs in float32 without autocast. Its products and convolutions, where it has any, are
rounded by a mode of torch's that knows nothing of autocast.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

import snn_core as snn

from .test_whole_sequence_contract import listed
from .zoo import NEURONS, VARIANTS, WHOLE, Case, step_loop

HALF = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
every_neuron = pytest.mark.parametrize("case", NEURONS, ids=str)
HOW: dict[str, dict[str, Any]] = {
    "layers": {"schedule": "layers"},
    "steps": {"schedule": "steps"},
    "chunks": {"chunk": 3},
    "the samples' own lengths": {"lengths": [7, 7, 7]},
}


class Cell(snn.SpikingNeuron):
    """A user's own neuron with a linear layer of its state, and one of its input."""

    class State(NamedTuple):
        mem: Tensor

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.inwards, self.around = nn.Linear(5, 5), nn.Linear(5, 5, bias=False)

    def integrate(self, x: Tensor, state: State) -> State:
        return self.State(0.5 * state.mem + self.inwards(x) + self.around(state.mem))


CELL = Case("a user's neuron with layers", Cell)


class Rounded(TorchFunctionMode):
    """Products and convolutions of rounded numbers, rounded, and then in float32 again."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func not in (F.linear, torch.conv2d, torch.addmm):
            return func(*args, **(kwargs or {}))
        rounded = [a.to(self.dtype) if isinstance(a, Tensor) else a for a in args]
        return func(*rounded, **(kwargs or {})).float()


def single(case: Case, **options: Any) -> snn.SpikingNeuron:
    return case.make(**options).float()


def at_random(like: Tensor, seed: int) -> Tensor:
    """Multiples of an eighth between -1 and 1, which every dtype has."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-8, 9, like.shape, generator=generator).to(torch.float32) / 8


def learned_gradients(neuron: nn.Module, xs: Tensor, outputs: Any) -> list[Tensor]:
    """Gradients of a projection of outputs, of the input and of all that the neuron learns."""
    tensors = [xs, *(p for p in neuron.parameters() if p.requires_grad)]
    loss = sum((at_random(o, k) * o.float()).sum() for k, o in enumerate(outputs))
    gradients = torch.autograd.grad(loss, tensors, allow_unused=True)
    return [torch.zeros_like(t) if g is None else g for t, g in zip(tensors, gradients, strict=True)]


def same_numbers(ours: list[Tensor], expected: list[Tensor], dtype: torch.dtype, weights: bool) -> None:
    """Assert that gradients are equal up to float32 rounding, and that of the input up to its own."""
    eps = torch.finfo(dtype).eps
    for k, (o, e) in enumerate(zip(ours, expected, strict=True)):
        assert o.dtype == e.dtype
        tolerance = eps if k == 0 or weights else 1e-5
        torch.testing.assert_close(o, e, rtol=2 * tolerance, atol=tolerance * float(e.abs().max()))


def has_weights(neuron: nn.Module) -> bool:
    return any(isinstance(m, nn.Linear | nn.Conv2d | nn.LSTMCell) for m in neuron.modules())


@HALF
@pytest.mark.parametrize("case", [*VARIANTS, CELL], ids=str)
@pytest.mark.parametrize("run", [step_loop, lambda neuron, xs: neuron.unroll(xs)], ids=["step", "unroll"])
def test_a_neuron_computes_in_float32_on_the_rounded_input(case: Case, run: Any, dtype: torch.dtype) -> None:
    neuron = single(case)
    xs = case.input(dtype=torch.float32).to(dtype).requires_grad_()
    with Rounded(dtype):
        spk, state = step_loop(neuron, xs.float())
        expected = learned_gradients(neuron, xs, (spk, *state))
    with torch.autocast("cpu", dtype):
        ours, ours_state = run(neuron, xs)
    assert spk.any()
    assert ours.dtype == case.spike_dtype(dtype)
    assert torch.equal(ours, spk.to(ours.dtype))
    assert {s.dtype for s in ours_state} == {torch.float32}
    torch.testing.assert_close(ours_state, state, rtol=1e-5, atol=1e-5)
    same_numbers(learned_gradients(neuron, xs, (ours, *ours_state)), expected, dtype, has_weights(neuron))


@every_neuron
@pytest.mark.parametrize("options", HOW.values(), ids=HOW)
def test_every_way_to_run_a_net_gives_the_same_numbers(case: Case, options: dict[str, Any]) -> None:
    net, xs = nn.Sequential(single(case, init_hidden=True, output=True)), case.input(dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        expected, states = net[0].unroll(xs, trace=True)
        spk, *_ = out = tree_leaves(snn.unroll(net, xs, **options))
        assert torch.equal(spk, expected)
        kept_states = [getattr(net[0], name) for name in net[0].State._fields]
        torch.testing.assert_close(kept_states, [s[-1] for s in states], rtol=1e-5, atol=1e-5)
        assert {k.dtype for k in kept_states} == {torch.float32}
        first = snn.unroll(net, xs[:3], **options | ({"lengths": [3, 3, 3]} if "lengths" in options else {}))
        rest = snn.unroll(
            net, xs[3:], **options | ({"lengths": [4, 4, 4]} if "lengths" in options else {}), resume=True
        )
        for whole, *parts in zip(out, tree_leaves(first), tree_leaves(rest), strict=True):
            torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-5, atol=1e-5)


@every_neuron
def test_samples_that_end_are_as_those_that_were_cut(case: Case) -> None:
    net, xs = nn.Sequential(single(case, init_hidden=True)), case.input(dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        spk = snn.unroll(net, xs, lengths=[7, 2, 5])
        states = [getattr(net[0], name) for name in net[0].State._fields]
        for sample, length in enumerate([7, 2, 5]):
            alone, state = net[0].unroll(xs[:length, sample : sample + 1])
            assert torch.equal(spk[:length, sample], alone[:, 0])
            torch.testing.assert_close([k[sample] for k in states], [s[0] for s in state], rtol=1e-4, atol=1e-4)


@every_neuron
def test_streams_and_calls_with_states_give_the_same_numbers(case: Case) -> None:
    neuron, xs = single(case, init_hidden=True), case.input(dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        expected, _ = step_loop(neuron, xs)
        run = snn.stream(nn.Sequential(neuron))
        assert torch.equal(torch.stack([run(x) for x in xs]), expected)
        assert {s.dtype for s in run.state_dict().values()} == {torch.float32}
        called, states, spikes = single(case), (), []
        for x in xs:
            spk, states = case.unpack(called(x, *states))
            spikes.append(spk)
        assert torch.equal(torch.stack(spikes), expected)


@HALF
@pytest.mark.parametrize("learn", [False, True], ids=["fixed", "learned"])
@pytest.mark.parametrize("case", [c for c in NEURONS if c.name in ("leaky", "rleaky one to one")], ids=str)
def test_graded_spikes_are_rounded_once(case: Case, learn: bool, dtype: torch.dtype) -> None:
    neuron = single(case, graded_spikes_factor=0.3, learn_graded_spikes_factor=learn) if learn else single(case)
    if not learn:
        neuron.graded_spikes_factor.fill_(0.3)
    xs = case.input(dtype=torch.float32).to(dtype).requires_grad_()
    spk, state = step_loop(neuron, xs.float())
    expected = learned_gradients(neuron, xs, (spk, *state))
    with torch.autocast("cpu", dtype):
        ours, ours_state = neuron.unroll(xs)
    assert {*ours.unique().tolist()} == {0.0, torch.tensor(0.3).to(dtype).item()}
    assert torch.equal(ours, spk.to(dtype))
    torch.testing.assert_close(ours_state, state, rtol=1e-5, atol=1e-5)
    # what comes back to the spikes through their factor is rounded
    same_numbers(learned_gradients(neuron, xs, (ours, *ours_state)), expected, dtype, weights=True)


@HALF
@pytest.mark.parametrize("make", WHOLE.values(), ids=WHOLE)
def test_a_layer_over_sequences_fires_in_float32(make: Any, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer = make()
    xs = torch.randn(7, 3, 5).to(dtype)
    with Rounded(dtype):
        expected = listed(layer(xs.float()))
    with torch.autocast("cpu", dtype):
        ours = listed(layer(xs))
    names = getattr(layer, "output_names", ("spk",))
    for name, o, e in zip(names, ours, expected, strict=True):
        assert o.dtype == (torch.float32 if name == "mem" else dtype)
        eps = torch.finfo(dtype).eps if name == "read_out" else 1e-5
        torch.testing.assert_close(o.float(), e, rtol=2 * eps, atol=2 * eps)


def test_a_membrane_holds_what_its_input_s_dtype_does_not() -> None:
    # 256 + 1 has nine digits in base two, and bfloat16 has eight
    lif, xs = snn.Leaky(beta=1.0, threshold=1e6, init_hidden=True), torch.ones(300, 1, 1, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        snn.unroll(lif, xs)
    assert lif.mem.item() == 300
    snn.unroll(lif, xs)
    assert lif.mem.item() == 256


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@every_neuron
def test_wider_input_is_computed_as_it_comes(case: Case, dtype: torch.dtype) -> None:
    neuron, xs = case.make().to(dtype), case.input(dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16):
        spk, state = neuron.unroll(xs)
    assert {t.dtype for t in (spk, *state)} == {dtype}
    if not has_weights(neuron):
        expected = step_loop(neuron, xs)
        torch.testing.assert_close((spk, state), expected, rtol=1e-5, atol=1e-5)


@every_neuron
def test_a_net_in_half_precision_stays_so_without_autocast(case: Case) -> None:
    neuron, xs = case.make().bfloat16(), case.input(dtype=torch.bfloat16)
    assert {t.dtype for t in tuple(neuron.unroll(xs)[1])} == {torch.bfloat16}
    with torch.autocast("cpu", torch.bfloat16):
        spk, state = neuron.unroll(xs)
    assert spk.dtype == case.spike_dtype(torch.bfloat16)
    assert {s.dtype for s in state} == {torch.float32}


def test_states_that_are_passed_are_float32_or_of_the_input_s_dtype() -> None:
    lif, x = snn.Leaky(beta=0.5), torch.ones(2, 3, dtype=torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        for mem in (torch.ones(2, 3), torch.ones(2, 3, dtype=torch.bfloat16), torch.ones(1)):
            _, after = lif(x, mem)
            assert after.dtype == torch.float32
            assert after.unique().tolist() == [1.5]
        with pytest.raises(TypeError, match=re.escape("'mem' is torch.float64 and the input torch.bfloat16; pass")):
            lif(x, torch.ones(2, 3, dtype=torch.float64))
    with pytest.raises(TypeError, match=re.escape("pass mem.to(torch.bfloat16)")):
        lif(x, torch.ones(2, 3))


def test_a_state_kept_outside_of_autocast_does_not_fit_inside() -> None:
    lif, x = snn.Leaky(beta=0.5, init_hidden=True), torch.ones(2, 3, dtype=torch.bfloat16)
    lif(x)
    with (
        torch.autocast("cpu", torch.bfloat16),
        pytest.raises(ValueError, match=r"bfloat16.*this input takes \(2, 3\) \(torch.float32.*reset"),
    ):
        lif(x)


@pytest.mark.parametrize("batch", [4, 5])
def test_a_batch_of_as_many_samples_as_neurons_is_none_of_their_weights(batch: int) -> None:
    net = nn.Sequential(snn.RLeaky(0.9, linear_features=5, init_hidden=True, output=True))
    xs = torch.rand(6, batch, 5, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        for ours, expected in zip(snn.unroll(net, xs), snn.unroll(net, xs, schedule="steps"), strict=True):
            torch.testing.assert_close(ours, expected, rtol=0, atol=0)


def test_integers_and_inputs_of_devices_without_autocast_are_as_ever() -> None:
    lif = snn.Leaky(beta=0.5)
    with torch.autocast("cpu", torch.bfloat16):
        assert lif(torch.ones(2, 3, dtype=torch.long), None)[1].dtype == torch.float32
        assert lif.to("meta")(torch.ones(2, 3, dtype=torch.bfloat16, device="meta"), None)[1].dtype == torch.bfloat16


@pytest.mark.compiles
@pytest.mark.parametrize("neuron", [partial(snn.Leaky, beta=0.9), partial(snn.RLeaky, beta=0.9, linear_features=4)])
@pytest.mark.parametrize("inside", [False, True], ids=["around", "inside"])
def test_a_compiled_net_gives_the_same_numbers(neuron: Any, inside: bool) -> None:
    torch._dynamo.reset()
    net, xs = nn.Sequential(nn.Linear(5, 4), neuron(init_hidden=True)), torch.rand(4, 3, 5)

    def run(x: Tensor) -> Tensor:
        if inside:
            with torch.autocast("cpu", torch.bfloat16):
                return snn.unroll(net, x)
        return snn.unroll(net, x)

    result = []
    for call in (run, torch.compile(run, backend="aot_eager", fullgraph=True)):
        net.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            out = call(xs)
        out.float().sum().backward()
        result.append((out, [p.grad for p in net.parameters()]))
    assert result[1][0].dtype == torch.bfloat16
    assert torch.equal(result[0][0], result[1][0])
    for ours, expected in zip(result[1][1], result[0][1], strict=True):
        torch.testing.assert_close(ours, expected, rtol=2**-6, atol=2**-6 * float(expected.abs().max()))


def test_a_net_learns_with_scaled_losses_in_float16() -> None:
    net = nn.Sequential(
        nn.Linear(5, 20), snn.Leaky(0.9, init_hidden=True), nn.Linear(20, 2), snn.Leaky(0.9, init_hidden=True)
    )
    optimizer, scaler = torch.optim.Adam(net.parameters(), lr=0.01), torch.amp.GradScaler("cpu")
    xs, labels, losses = torch.rand(10, 16, 5), torch.arange(16) % 2, []
    xs[:, labels == 1, :2] = 0
    for _ in range(30):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.float16):
            rate = snn.unroll(net, xs).float().mean(0)
            loss = F.cross_entropy(10 * rate, labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
