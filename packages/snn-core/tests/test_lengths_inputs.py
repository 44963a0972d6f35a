"""``unroll(net, xs, lengths=...)`` of any input and net: kinds of lengths, empty batches, layers that see the batch."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

import snn_core as snn

from .test_lengths import LENGTHS, every_way
from .test_unroll import NETS, build, lif
from .unequal import holds, padded
from .zoo import close


@pytest.mark.parametrize("kind", [list, tuple, torch.tensor, lambda v: torch.tensor(v, dtype=torch.uint8)])
def test_lengths_come_as_any_kind_of_integers(kind) -> None:
    net, xs = build(*NETS["linear"])
    close(snn.unroll(net, xs, lengths=kind(LENGTHS)), snn.unroll(net, xs, lengths=torch.tensor(LENGTHS)))


INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32, torch.uint32, torch.int64, torch.uint64]


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("steps", [255, 256, 257, 300])
def test_integers_of_any_width_that_hold_the_lengths_are_like_a_list(steps: int, dtype: torch.dtype) -> None:
    most = min(steps, torch.iinfo(dtype).max)
    neuron, xs = lif(output=True), torch.randn(steps, 5, 1)
    for lengths in ([most, 44, 0, 1, most - 1], [0] * 5, [steps % 128] * 5):
        outputs, expected = (
            snn.unroll(neuron, xs, lengths=kind) for kind in (torch.tensor(lengths, dtype=dtype), lengths)
        )
        assert all(map(torch.equal, outputs, expected))


@every_way
def test_full_lengths_are_like_no_lengths(options) -> None:
    net, xs = build(*NETS["linear"])
    for whole, result in zip(
        snn.unroll(net, xs, **options), snn.unroll(net, xs, lengths=[7, 7, 7], **options), strict=True
    ):
        assert torch.equal(result, whole)


@every_way
@pytest.mark.parametrize("lengths", [[], [0, 0], [3, 3], [0, 1]], ids=str)
def test_batches_that_are_empty_or_end_early_keep_the_shape(lengths, options) -> None:
    net = nn.Sequential(nn.Linear(5, 6), lif(), nn.Linear(6, 3), lif(output=True)).double()
    holds(net, torch.randn(7, len(lengths), 5, dtype=torch.float64), lengths, **options)
    assert [o.shape for o in snn.unroll(net, torch.zeros(7, len(lengths), 5).double(), lengths=lengths)] == [
        (7, len(lengths), 3)
    ] * 2
    assert net[3].mem.shape == (len(lengths), 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_dtypes_are_kept(dtype: torch.dtype) -> None:
    net = nn.Sequential(nn.Linear(5, 4), lif(output=True)).to(dtype)
    spk, mem = snn.unroll(net, torch.randn(7, 3, 5).to(dtype), lengths=LENGTHS)
    assert spk.dtype == mem.dtype == net[1].mem.dtype == dtype


def test_input_may_be_integers_and_need_not_be_contiguous() -> None:
    neuron = lif(output=True)
    xs = torch.randint(0, 2, (3, 5, 7), dtype=torch.uint8).permute(2, 0, 1)
    close(snn.unroll(neuron, xs, lengths=LENGTHS), snn.unroll(neuron, xs.float().contiguous(), lengths=LENGTHS))


def test_the_input_is_left_as_it_is() -> None:
    net, xs = build(*NETS["linear"])
    xs = padded(xs, LENGTHS)
    before = xs.clone()
    snn.unroll(net, xs, lengths=LENGTHS)
    torch.testing.assert_close(xs, before, rtol=0, atol=0, equal_nan=True)


def test_normalization_over_the_batch_sees_the_samples_that_run() -> None:
    net = nn.Sequential(nn.BatchNorm1d(4, momentum=1.0), lif()).double()
    xs = torch.randn(3, 5, 4, dtype=torch.float64)
    lengths = [1, 3, 2, 3, 1]
    spk, schedule = snn.unroll(net, padded(xs, lengths), lengths=lengths, explain=True)
    assert schedule.kind == "layers"
    running = xs[2, [1, 3]]
    close(net[0].running_mean, running.mean(0))
    twin, mem = snn.Leaky(0.8, threshold=0.25).double(), torch.zeros(5, 4, dtype=torch.float64)
    for t, samples in enumerate([[0, 1, 2, 3, 4], [1, 2, 3], [1, 3]]):
        here = xs[t, samples]
        fired, state = twin.step((here - here.mean(0)) / (here.var(0, unbiased=False) + 1e-5).sqrt(), (mem[samples],))
        close(spk[t, samples], fired)
        mem[samples] = state.mem
    close(net[1].mem, mem)


@pytest.mark.parametrize("options", [{}, {"schedule": "steps"}, {"chunk": 2}], ids=["layers", "steps", "chunks"])
@pytest.mark.parametrize("training", [True, False])
def test_normalization_through_time_counts_the_steps_of_each_sample(training: bool, options) -> None:
    net = nn.Sequential(snn.BatchNormTT1d(5, 7), lif()).double().train(training)
    twin = copy.deepcopy(net)
    xs, lengths = torch.randn(7, 4, 5, dtype=torch.float64), [4, 7, 4, 7]
    spk = snn.unroll(net, padded(xs, lengths), lengths=lengths, **options)
    normed = [twin[0][t](x if t < 4 else x[1::2]) for t, x in enumerate(xs)]
    close(dict(net.named_buffers()), dict(twin.named_buffers()))
    close(spk[:4], snn.unroll(twin[1], torch.stack(normed[:4])))
    close(spk[4:, 1::2], snn.unroll(twin[1], torch.stack([x[1::2] if len(x) > 2 else x for x in normed]))[4:])


class Branches(nn.Module):
    """Acts on each sample alone, which no trace can tell."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.spike = nn.Linear(5, 4), lif(output=True)

    def forward(self, x: Tensor) -> Tensor:
        assert x.isfinite().all()
        return self.spike(self.linear(x))


def test_a_forward_that_cannot_be_traced_never_sees_the_padding() -> None:
    net = Branches().double()
    xs = torch.rand(7, 3, 5, dtype=torch.float64)
    _, schedule = snn.unroll(net, xs, lengths=LENGTHS, explain=True)
    assert schedule.kind == "steps"
    holds(net, xs, LENGTHS)


def test_an_asserted_schedule_is_compared_over_what_runs() -> None:
    net = Branches().double()
    xs = torch.rand(7, 3, 5, dtype=torch.float64)
    holds(net, xs, [1, 7, 2], schedule="layers")


def test_outputs_may_come_in_a_dict() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.spike = lif(output=True)

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return dict(zip(("spk", "mem"), self.spike(x), strict=True))

    for schedule in ("auto", "steps"):
        out = snn.unroll(Named(), torch.randn(7, 3, 5), lengths=LENGTHS, schedule=schedule)
        assert out.keys() == {"spk", "mem"}
        assert (out["mem"][4:, 0] == 0).all()


@pytest.mark.compiles
@torch.no_grad()
def test_a_compiled_net_gives_the_same() -> None:
    net, xs = build(*NETS["linear"])
    compiled = torch.compile(net, backend="eager")
    for lengths in (LENGTHS, LENGTHS[::-1]):
        expected = snn.unroll(net, xs, lengths=lengths)
        for schedule in ("layers", "steps"):
            close(snn.unroll(compiled, xs, lengths=lengths, schedule=schedule), expected)
