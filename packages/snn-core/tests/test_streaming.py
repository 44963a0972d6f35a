"""A net that is fed one step after the other gives what the loop gives, and keeps to itself."""

from __future__ import annotations

import copy
import gc
import re
import threading

import pytest
import torch
from torch import nn
from torch.utils._pytree import tree_leaves

import snn_core as snn

from .zoo import NEURONS, VARIANTS, Case, call_loop, stacked

CHAINS = {
    "linear": (
        lambda: nn.Sequential(
            nn.Linear(5, 7),
            snn.Leaky(beta=0.9, init_hidden=True),
            nn.Linear(7, 3),
            snn.RLeaky(beta=0.8, linear_features=3, init_hidden=True, output=True),
        ),
        (5,),
    ),
    "convolutional": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 3, 3),
            nn.BatchNorm2d(3),
            snn.Synaptic(alpha=0.7, beta=0.9, init_hidden=True),
            nn.MaxPool2d(2),
            nn.Flatten(),
            snn.Alpha(alpha=0.9, beta=0.8, init_hidden=True),
        ).eval(),
        (2, 7, 7),
    ),
    "normalized through time": (
        lambda: nn.Sequential(nn.Linear(5, 3), snn.BatchNormTT1d(3, 11), snn.Leaky(beta=0.9, init_hidden=True)).eval(),
        (5,),
    ),
    "delayed": (
        lambda: nn.Sequential(
            snn.DelayedLinear(5, 7, max_delay=3),
            snn.Leaky(beta=0.9, init_hidden=True),
            snn.AxonalDelay(4, 4 * torch.rand(7), channels=7),
            nn.Linear(7, 3),
            snn.RLeaky(beta=0.8, linear_features=3, max_delay=2, init_hidden=True, output=True),
        ),
        (5,),
    ),
}


def equal(left: object, right: object) -> None:
    """Assert equality of every bit."""
    torch.testing.assert_close(left, right, rtol=0, atol=0, equal_nan=True)


def kept_states(net: nn.Module) -> list[torch.Tensor]:
    return [t for m in net.modules() for t in tree_leaves(getattr(m, "_kept", None)) if isinstance(t, torch.Tensor)]


@pytest.mark.parametrize("case", VARIANTS, ids=str)
def test_every_neuron_streams_the_loop_bit_for_bit(case: Case) -> None:
    neuron, xs = case.make(init_hidden=True, output=True), case.input()
    run = snn.stream(neuron)
    result = stacked([run(x) for x in xs])
    equal(result, call_loop(neuron, xs))


@pytest.mark.parametrize("case", NEURONS, ids=str)
def test_every_neuron_goes_on_from_a_file_as_if_it_had_never_stopped(case: Case, tmp_path) -> None:
    neuron, xs = case.make(init_hidden=True, output=True), case.input(9)
    first = snn.stream(neuron)
    before = [first(x) for x in xs[:4]]
    first.save(tmp_path / "state.safetensors")
    second = snn.stream(case.make(init_hidden=True, output=True))
    second.load(tmp_path / "state.safetensors")
    equal(stacked(before + [second(x) for x in xs[4:]]), call_loop(neuron, xs))


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_nets_stream_and_resume_bit_for_bit(name: str, dtype: torch.dtype, tmp_path) -> None:
    make, shape = CHAINS[name]
    net, xs = make().to(dtype), torch.randn(11, 3, *shape).to(dtype)
    run = snn.stream(net)
    outs = [run(x) for x in xs[:1]]
    for x in xs[1:]:
        run.save(tmp_path / "state")
        run = snn.stream(net)
        run.load(tmp_path / "state")
        outs.append(run(x))
    equal(stacked(outs), call_loop(net, xs))
    equal(stacked(outs), snn.unroll(net, xs, schedule="steps"))


def test_a_stream_has_no_graph_and_leaves_the_net_as_it_was() -> None:
    make, shape = CHAINS["linear"]
    net = make()
    net(torch.randn(2, *shape))
    mem, task = net[1].mem, net[1]._kept_in
    run = snn.stream(net)
    spk, state = run(torch.randn(5, *shape))
    assert spk.grad_fn is None
    assert state.grad_fn is None
    assert net[1].mem is mem
    assert mem.grad_fn is not None
    assert net[1]._kept_in == task
    net(torch.randn(2, *shape))[1].sum().backward()  # and the loop goes on


def test_streams_through_one_net_do_not_mix() -> None:
    make, shape = CHAINS["linear"]
    net, xs, ys = make(), torch.randn(8, 3, *shape), torch.randn(8, 2, *shape)
    first, second = snn.stream(net), snn.stream(net)
    outs = [(first(x), second(y)) for x, y in zip(xs, ys, strict=True)]
    equal(stacked([a for a, _ in outs]), call_loop(net, xs))
    equal(stacked([b for _, b in outs]), call_loop(net, ys))


def test_streams_of_several_threads_do_not_mix() -> None:
    make, shape = CHAINS["linear"]
    net, inputs = make(), torch.randn(4, 30, 3, *shape)
    result: dict[int, object] = {}

    def work(i: int) -> None:
        run = snn.stream(net)
        result[i] = stacked([run(x) for x in inputs[i]])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, xs in enumerate(inputs):
        equal(result[i], call_loop(net, xs))


def test_a_stream_holds_as_much_after_a_thousand_steps_as_after_one() -> None:
    make, shape = CHAINS["linear"]
    run = snn.stream(make())

    def count_tensors(steps: int) -> int:
        for _ in range(steps):
            run(torch.randn(3, *shape))
        gc.collect()
        return sum(issubclass(type(o), torch.Tensor) for o in gc.get_objects())

    first = count_tensors(1)
    assert count_tensors(1000) <= first  # fewer where garbage of other tests has gone meanwhile


def test_reset_goes_back_to_rest_and_takes_another_batch() -> None:
    make, shape = CHAINS["linear"]
    net, xs = make(), torch.randn(4, 3, *shape)
    run = snn.stream(net)
    for x in xs:
        run(x)
    run.reset()
    assert run.state_dict() == {}
    equal(stacked([run(x) for x in xs[:, :2]]), call_loop(net, xs[:, :2]))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (torch.zeros(7, 3, 5), "a sequence [T, batch, ...] is passed step by step"),
        (torch.zeros(2, 5), "this stream takes steps of shape (3, 5) (torch.float32, cpu), got (2, 5)"),
        (torch.zeros(3, 5, dtype=torch.float64), "got (3, 5) (torch.float64, cpu); call reset()"),
    ],
)
def test_a_step_of_another_batch_or_dtype_is_refused_and_the_stream_continues(other, message: str) -> None:
    make, shape = CHAINS["linear"]
    net, xs = make(), torch.randn(4, 3, *shape)
    run = snn.stream(net)
    outs = [run(x) for x in xs[:2]]
    with pytest.raises(ValueError, match=re.escape(message)):
        run(other)
    outs += [run(x) for x in xs[2:]]
    equal(stacked(outs), call_loop(net, xs))


def test_after_an_error_inside_the_net_the_stream_is_where_it_was() -> None:
    class Fails(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lif, self.fails = snn.Leaky(beta=0.9, init_hidden=True), False

        def forward(self, x):
            out = self.lif(x)
            if self.fails:
                raise RuntimeError("broken")
            return out

    net = Fails()
    run = snn.stream(net)
    run(torch.full((1,), 0.75))
    before = run.state_dict()
    net.fails = True
    with pytest.raises(RuntimeError, match="broken"):
        run(torch.full((1,), 0.75))
    equal(run.state_dict(), before)
    assert net.lif.mem.shape == (0,)


def test_a_stream_of_an_ended_batch_differs_from_a_loaded_one() -> None:
    make, shape = CHAINS["linear"]
    net = make()
    run = snn.stream(net)
    run(torch.randn(3, *shape))
    other = snn.stream(net)
    other.load_state_dict(run.state_dict())
    with pytest.raises(ValueError, match=r"Leaky keeps a state 'mem' of shape \(3, 7\)"):
        other(torch.randn(2, *shape))


@pytest.mark.parametrize(
    ("net", "error", "message"),
    [
        ("net", TypeError, "stream takes a net (nn.Module), got str"),
        (nn.Sequential(snn.LeakyParallel(3, 2)), ValueError, "'0' (LeakyParallel) takes the whole sequence at once"),
        (nn.Sequential(nn.Dropout()), ValueError, "'0' (Dropout) is in training mode"),
        (nn.Sequential(nn.BatchNorm1d(2)), ValueError, "'0' (BatchNorm1d) is in training mode"),
    ],
)
def test_nets_that_cannot_go_step_by_step_are_refused(net, error: type, message: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        snn.stream(net)


def test_a_step_that_is_not_a_tensor_and_a_neuron_without_kept_state_are_refused() -> None:
    with pytest.raises(TypeError, match="a stream takes one step's tensor, got list"):
        snn.stream(snn.Leaky(beta=0.9, init_hidden=True))([1.0])
    with pytest.raises(ValueError, match="init_hidden=False"):
        snn.stream(snn.Leaky(beta=0.9))(torch.ones(1, 2))


def test_states_of_another_net_are_refused_by_every_name(tmp_path) -> None:
    make, shape = CHAINS["linear"]
    run = snn.stream(make())
    run(torch.randn(3, *shape))
    states = run.state_dict()
    assert sorted(states) == ["1.mem", "3.mem", "3.spk"]
    with pytest.raises(ValueError, match=r"no neuron of Sequential keeps '9\.mem'; '3\.spk' is missing"):
        run.load_state_dict({"1.mem": states["1.mem"], "3.mem": states["3.mem"], "9.mem": states["1.mem"]})
    with pytest.raises(TypeError, match=r"states must be tensors; not tensors: '1\.mem'"):
        run.load_state_dict({"1.mem": [1.0]})
    equal(run.state_dict(), states)
    run.save(tmp_path / "s")
    with pytest.raises(ValueError, match=r"belongs to a stream through a net of \{'1': 'Leaky', '3': 'RLeaky'\}"):
        snn.stream(nn.Sequential(nn.Identity(), snn.Synaptic(0.9, 0.8, init_hidden=True))).load(tmp_path / "s")
    with pytest.raises(ValueError, match="contains a 'stream', not a 'net'"):
        snn.load(tmp_path / "s")


def test_the_result_of_state_dict_belongs_to_the_caller() -> None:
    run = snn.stream(snn.Leaky(beta=0.5, init_hidden=True))
    run(torch.tensor([0.75]))
    run.state_dict()["mem"].zero_()
    assert run.state_dict()["mem"].item() == 0.75


class WithItself(nn.Module):
    """Attention of a step to itself."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 2, dropout=dropout, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.attention(x, x, x)[0]


class Output(nn.Module):
    """A recurrent layer from rest, without its states."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)[0]


DRAWS = {  # layers that draw random numbers, some only in training, and the shape of one step
    "Dropout": (nn.Dropout, (3, 5)),
    "Dropout1d": (nn.Dropout1d, (3, 2, 5)),
    "Dropout2d": (nn.Dropout2d, (3, 2, 5, 5)),
    "Dropout3d": (nn.Dropout3d, (3, 2, 5, 5, 5)),
    "AlphaDropout": (nn.AlphaDropout, (3, 5)),
    "FeatureAlphaDropout": (nn.FeatureAlphaDropout, (3, 2, 5)),
    "RReLU": (nn.RReLU, (3, 5)),
    "RReLU of one slope": (lambda: nn.RReLU(0.5, 0.5), (3, 5)),
    "FractionalMaxPool2d": (lambda: nn.FractionalMaxPool2d(2, output_ratio=0.6), (3, 2, 7, 7)),
    "FractionalMaxPool3d": (lambda: nn.FractionalMaxPool3d(2, output_size=3), (3, 2, 7, 7, 7)),
    "FractionalMaxPool2d where told": (
        lambda: nn.FractionalMaxPool2d(2, output_size=3, _random_samples=torch.rand(3, 2, 2)),
        (3, 2, 7, 7),
    ),
    "MultiheadAttention": (lambda: WithItself(0.5), (3, 4, 6)),
    "MultiheadAttention without dropout": (lambda: WithItself(0.0), (3, 4, 6)),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(6, 2, 8), (3, 4, 6)),
    "LSTM": (lambda: Output(nn.LSTM(5, 4, 2, dropout=0.5)), (3, 2, 5)),
    "GRU": (lambda: Output(nn.GRU(5, 4, 3, dropout=0.25)), (3, 2, 5)),
    "RNN of one layer": (lambda: Output(nn.RNN(5, 4, 1)), (3, 2, 5)),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", DRAWS)
def test_a_stream_that_is_accepted_draws_no_random_numbers(name: str, training: bool) -> None:
    make, shape = DRAWS[name]
    net, xs = nn.Sequential(make(), snn.Leaky(beta=0.9, init_hidden=True, output=True)), torch.randn(6, *shape)
    net.train(training)
    twin = copy.deepcopy(net)
    numbers = torch.get_rng_state()
    for x in xs:
        twin[0](x)
    draws = not torch.get_rng_state().equal(numbers)
    torch.set_rng_state(numbers)
    if draws:
        with pytest.raises(ValueError, match=r"^stream: '0.*(random numbers|at random); "):
            snn.stream(net)
        return
    run, outcomes = snn.stream(net), []
    for _ in range(2):
        run.reset()
        outcomes.append(stacked([run(x) for x in xs]))
    equal(*outcomes)
    assert torch.get_rng_state().equal(numbers)
