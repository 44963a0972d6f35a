"""Synaptic operations: numbers worked out by hand, loops over every weight, and the energy of a published table."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

import snn_core as snn
from snn_functional import energy, summary, synops, synops_energy
from snn_functional.statistics import HOROWITZ_45NM, CostModel, SynapticOperations, SynopsCount, SynopsMonitor

Ops = SynapticOperations


def count(layer, x):
    with SynopsMonitor(layer) as monitor:
        layer(x)
    return monitor.count.layers[""]


def test_a_spike_into_a_dense_layer_costs_one_addition_for_each_output():
    # 3 spikes in 2 samples, 7 outputs: 21 of 2 * 5 * 7 = 70
    x = torch.tensor([[1.0, 0, 0, 1, 0], [0, 0, 0, 1, 0]])
    assert count(nn.Linear(5, 7), x) == Ops(acs=21, macs=0, dense=70)
    assert count(nn.Linear(5, 7, bias=False), -x) == Ops(acs=21, macs=0, dense=70)


@settings(max_examples=20, deadline=None)
@given(lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4), seed=st.integers(0, 2**31))
def test_padding_costs_nothing_whatever_it_holds(lengths, seed):
    xs = (torch.rand(5, len(lengths), 3, generator=torch.Generator().manual_seed(seed)) < 0.5).float()
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(3, 4), snn.RLeaky(0.8, linear_features=4, init_hidden=True), nn.Linear(4, 2))
    padding = torch.arange(5).unsqueeze(1) >= torch.tensor(lengths)
    result = synops(net, xs.masked_fill(padding.unsqueeze(-1), float("nan")), lengths=lengths)
    alone = [synops(net, xs[:n, b : b + 1]) for b, n in enumerate(lengths) if n]
    for name, counted in result.layers.items():
        assert counted == sum((each.layers[name] for each in alone), Ops())


@pytest.mark.parametrize("value", [0.5, 2.0, -1.5])
def test_any_other_number_costs_a_multiplication(value):
    x = torch.tensor([[value, 0, 1.0]])
    assert count(nn.Linear(3, 2), x) == Ops(acs=0, macs=4, dense=6)


def test_a_weight_of_zero_costs_nothing():
    fc = nn.Linear(3, 2)
    fc.weight.data = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    assert count(fc, torch.ones(1, 3)) == Ops(acs=3, macs=0, dense=6)


def test_a_spike_into_a_convolution_counts_where_it_is_used():
    # 4 x 4 image, 3 x 3 kernel: a corner is in 1 window, a pixel of the middle in all 4
    conv, corner, middle = nn.Conv2d(1, 1, 3), torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    corner[..., 0, 0] = middle[..., 1, 1] = 1
    assert count(conv, corner) == Ops(acs=1, macs=0, dense=36)
    assert count(conv, middle) == Ops(acs=4, macs=0, dense=36)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3},
        {"kernel_size": 2, "stride": 3},
        {"kernel_size": 3, "padding": 2, "dilation": 2},
        {"kernel_size": 3, "padding": "same"},
        {"kernel_size": 3, "padding": 1, "groups": 2},
        {"kernel_size": 3, "padding": 1, "padding_mode": "circular"},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [nn.Conv1d, nn.Conv2d, nn.Conv3d])
def test_a_convolution_is_counted_as_the_dense_matrix_that_it_is(kind, options):
    torch.manual_seed(0)
    conv, space = kind(2, 4, bias=False, **options), {nn.Conv1d: (7,), nn.Conv2d: (5, 4), nn.Conv3d: (4, 3, 5)}[kind]
    conv.weight.data.abs_()
    conv.weight.data[0] = 0
    x = (torch.rand(3, 2, *space) < 0.3).float()
    # the response to each pixel alone is its column of the matrix; the kernel's own positions are where it is not 0
    columns = torch.eye(2 * x[0, 0].numel()).reshape(-1, 2, *space)
    fan_out = (conv(columns) != 0).flatten(1).sum(1)
    if options.get("padding_mode") == "circular" and min(space) < 3:
        raise AssertionError("a pixel would meet an output twice")
    expected = int((x.flatten(1) * fan_out).sum())
    conv.weight.data.fill_(1)
    dense = 3 * int((conv(columns) != 0).sum())
    conv.weight.data[0] = 0
    assert count(conv, x) == Ops(acs=expected, macs=0, dense=dense)


LAYERS = {
    "dense": (lambda: nn.Linear(5, 3), (5,)),
    "normed": (lambda: weight_norm(nn.Linear(5, 3)), (5,)),
    "double": (lambda: nn.Conv1d(2, 3, 2).double(), (2, 5)),
    "padded": (lambda: nn.Conv1d(2, 3, 3, padding=2, padding_mode="reflect"), (2, 7)),
    "image": (lambda: nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2), (2, 5, 7)),
    "volume": (lambda: nn.Conv3d(1, 2, 2, dilation=2, padding="same"), (1, 3, 4, 5)),
    "normed image": (lambda: weight_norm(nn.Conv2d(2, 3, 3)), (2, 5, 5)),
    "to itself": (lambda: snn.RLeaky(0.5, V=0.5, all_to_all=False, init_hidden=True), (3,)),
    "to all": (lambda: snn.RLeaky(0.5, linear_features=3, init_hidden=True), (3,)),
}


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("name", LAYERS)
def test_the_mode_of_autograd_does_not_matter(name, mode):
    make, shape = LAYERS[name]
    net = nn.Sequential(make())
    dtype = next((p.dtype for p in net.parameters()), torch.float32)
    spikes = (torch.rand(4, 3, *shape) < 0.5).to(dtype) * 2

    def counted(xs):
        with SynopsMonitor(net) as monitor:
            snn.unroll(net, xs)
        return monitor.count, synops(net, xs), energy(net, xs).to_dict(), summary(net, xs).to_dict()

    expected = counted(spikes)
    with mode():
        assert counted(spikes) == expected
        assert counted(spikes.clone()) == expected  # which inference mode makes a tensor of its own
        with SynopsMonitor(net) as monitor:
            snn.unroll(net, spikes)
    assert monitor.count == expected[0]
    assert expected[0].total.dense > 0


def test_a_net_is_counted_layer_by_layer():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3),
        snn.Leaky(0.9, init_hidden=True),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(12, 5),
        snn.RLeaky(0.9, linear_features=5, init_hidden=True),
        nn.Linear(5, 2),
    )
    xs = 3 * torch.rand(4, 2, 1, 6, 6)
    counted = synops(net, xs)
    pooled = snn.unroll(net[:4], xs)
    spikes = snn.unroll(net[:6], xs)
    assert list(counted.layers) == ["0", "4", "5.recurrent", "6"]
    # 16 windows of 9 numbers for 3 channels, 4 steps, 2 samples: none of the numbers is 0
    assert counted.layers["0"] == Ops(acs=0, macs=16 * 9 * 3 * 8, dense=16 * 9 * 3 * 8)
    # averages of spikes are not spikes
    macs = [int((p != 0).sum()) * 5 for p in pooled.flatten(0, 1)]
    graded = [bool(((p != 0) & (p != 1)).any()) for p in pooled.flatten(0, 1)]
    expected = sum(m for m, g in zip(macs, graded, strict=True) if g)
    assert counted.layers["4"] == Ops(acs=sum(macs) - expected, macs=expected, dense=12 * 5 * 8)
    assert expected > 0
    assert counted.layers["5.recurrent"] == Ops(acs=int(spikes[:-1].sum()) * 5, macs=0, dense=5 * 5 * 8)
    assert counted.layers["6"] == Ops(acs=int(spikes.sum()) * 2, macs=0, dense=5 * 2 * 8)
    assert counted.uncounted == ()
    layers = counted.layers.values()
    assert counted.total == Ops(sum(o.acs for o in layers), sum(o.macs for o in layers), sum(o.dense for o in layers))


def test_the_operations_of_a_net_are_a_table():
    count = SynopsCount({"": Ops(1, 2, 3000), "fc": Ops(4, 5, 6)}, ("norm", ""))
    assert repr(count).splitlines() == [
        "layer    ACs  MACs  dense",
        "the net  1    2     3,000",
        "fc       4    5     6",
        "all      5    7     3,006",
        "not counted: norm, the net",
    ]
    assert count.to_dict()["layers"]["fc"] == {"acs": 4, "macs": 5, "dense": 6}


@pytest.mark.parametrize("factor", [1.0, 0.5])
def test_graded_spikes_are_numbers(factor):
    lif = snn.Leaky(0.5, init_hidden=True, graded_spikes_factor=factor)
    counted = synops(nn.Sequential(lif, nn.Linear(2, 3)), torch.full((1, 1, 2), 1.5))
    assert counted.layers["1"] == (Ops(6, 0, 6) if factor == 1 else Ops(0, 6, 6))


def test_the_spikes_of_one_sample_stay_additions_beside_the_numbers_of_another():
    x = torch.tensor([[1.0, 0, 1.0], [0.5, 0, 1.0], [0, 0, 0]])
    assert count(nn.Linear(3, 2), x) == Ops(acs=4, macs=4, dense=18)
    images = torch.zeros(2, 1, 4, 4)
    images[0, 0, 1, 1], images[1, 0, 1, 1] = 1, 2
    assert count(nn.Conv2d(1, 1, 3), images) == Ops(acs=4, macs=4, dense=72)


def test_a_net_with_a_time_loop_of_its_own_is_counted_too():
    class Looping(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.lif = nn.Linear(3, 2), snn.Leaky(0.9)

        def forward(self, xs):
            mem = None
            for x in xs:
                spk, mem = self.lif(self.fc(input=x), mem)
            return spk

    net, xs = Looping(), (torch.rand(5, 2, 3) < 0.5).float()
    with SynopsMonitor(net) as monitor:
        net(xs)
    assert [ops.acs for ops in monitor["fc"]] == [int(x.sum()) * 2 for x in xs]
    assert monitor.count.total == Ops(int(xs.sum()) * 2, 0, 5 * 2 * 3 * 2)


def test_the_input_is_counted_wherever_its_name_is_passed():
    class Scaled(nn.Linear):
        def forward(self, x, scale):
            return super().forward(x) * scale

    with SynopsMonitor(layer := Scaled(3, 2)) as monitor:
        layer(scale=torch.full((1, 1), 2.0), x=torch.ones(1, 3))
    assert monitor.count.layers[""] == Ops(6, 0, 6)


def test_one_to_one_recurrence_costs_one_operation_a_spike():
    net = nn.Sequential(snn.RLeaky(0.5, V=0.5, all_to_all=False, init_hidden=True))
    counted = synops(net, torch.full((2, 1, 3), 1.5))
    # no spikes come back in the first step, three in the second
    assert counted.layers["0.recurrent"] == Ops(acs=3, macs=0, dense=6)


def test_an_input_may_be_of_any_shape_and_dtype():
    fc = nn.Linear(3, 2)
    assert count(fc, torch.ones(3)) == Ops(6, 0, 6)
    assert count(fc, torch.ones(4, 5, 3)) == Ops(120, 0, 120)
    assert count(fc, torch.ones(0, 3)) == Ops()
    assert count(nn.Conv1d(1, 1, 2), torch.ones(1, 3)) == Ops(4, 0, 4)
    assert count(fc.double(), torch.ones(1, 3).double()) == Ops(6, 0, 6)
    assert count(fc.bfloat16(), torch.ones(1, 3).bfloat16()) == Ops(6, 0, 6)


def test_layers_that_are_not_counted_are_named():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), snn.SLSTM(4, 5, init_hidden=True), nn.Flatten())
    assert synops(net, torch.rand(2, 3, 3)).uncounted == ("1", "2.lstm_cell")
    assert SynopsMonitor(weight_norm(nn.Linear(3, 2))).count == SynopsCount({"": Ops()}, ())


def test_a_net_is_left_as_it_was():
    net, xs = nn.Sequential(nn.Linear(3, 2), snn.Leaky(0.9, init_hidden=True)), torch.rand(4, 2, 3)
    expected = snn.unroll(net, xs)
    synops(net, xs)
    assert torch.equal(snn.unroll(net, xs), expected)
    assert not net[0]._forward_pre_hooks
    assert net[0].weight.grad is None


def test_counts_past_what_float32_holds_are_exact():
    fc = nn.Linear(2**9, 2**10)
    x = torch.ones(2**6, 2**9)
    x[0, 0] = 0
    assert count(fc, x) == Ops(2**25 - 2**10, 0, 2**25)


def test_energy_is_that_of_the_table():
    # 1000 * 0.9 pJ + 100 * 4.6 pJ = 1.36 nJ
    assert synops_energy(Ops(1000, 100, 10**9), HOROWITZ_45NM) == pytest.approx(1.36e-9)
    counted = SynopsCount({"a": Ops(1000), "b": Ops(0, 100)}, ())
    assert synops_energy(counted, HOROWITZ_45NM) == pytest.approx(1.36e-9)
    assert synops_energy(counted, CostModel("by hand", ac=1, mac=3)) == 1300
    assert "45 nm" in HOROWITZ_45NM.name


def parts(x, dim):
    return torch.cat([x.real, x.imag], dim)


def real_twin(layer):
    """Return the layer of real numbers that computes the parts of a complex layer's output from those of its input."""
    if isinstance(layer, nn.Linear):
        twin = nn.Linear(2 * layer.in_features, 2 * layer.out_features)
    else:
        twin = type(layer)(2 * layer.in_channels, 2 * layer.out_channels, layer.kernel_size, layer.stride, padding=1)
    real, imag = layer.weight.data.real, layer.weight.data.imag
    # (A + iB)(x + iy) = (Ax - By) + i(Bx + Ay)
    twin.weight.data = torch.cat([torch.cat([real, -imag], 1), torch.cat([imag, real], 1)])
    twin.bias.data = parts(layer.bias.data, 0)
    return twin


COMPLEX = {
    "dense": (lambda: nn.Linear(5, 3, dtype=torch.complex64), (5,)),
    "series": (lambda: nn.Conv1d(2, 3, 3, padding=1, dtype=torch.complex64), (2, 7)),
    "image": (lambda: nn.Conv2d(2, 3, 3, stride=2, padding=1, dtype=torch.complex64), (2, 5, 7)),
}
NUMBERS = {
    "numbers": lambda *shape: torch.randn(*shape, dtype=torch.complex64),
    "real numbers": lambda *shape: torch.rand(*shape) + 0j,
    "spikes": lambda *shape: torch.complex(*((torch.rand(2, *shape) < 0.4).float())),
    "turned spikes": lambda *shape: 1j * (torch.rand(*shape) < 0.4),
    "numbers on the unit circle": lambda *shape: torch.polar(torch.ones(shape), torch.rand(shape)),
    "conjugate numbers": lambda *shape: torch.randn(*shape, dtype=torch.complex64).conj(),
}


@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize("name", COMPLEX)
def test_complex_numbers_count_as_the_real_layer_that_computes_their_parts(name, numbers):
    torch.manual_seed(0)
    make, shape = COMPLEX[name]
    layer, x = make(), NUMBERS[numbers](3, *shape)
    layer.weight.data[0] = layer.weight.data[0].real + 0j
    layer.weight.data[1, 0] = 0
    twin = real_twin(layer)
    torch.testing.assert_close(parts(layer(x), 1), twin(parts(x, 1)))
    assert count(layer, x) == count(twin, parts(x, 1))


def test_a_complex_product_takes_four_multiplications_and_one_with_a_real_number_two():
    fc = nn.Linear(1, 1, bias=False, dtype=torch.complex64)
    fc.weight.data.fill_(0.5 + 0.25j)
    assert count(fc, torch.tensor([[0.6 + 0.8j]])) == Ops(acs=0, macs=4, dense=4)
    assert count(fc, torch.tensor([[0.6 + 0j]])) == Ops(acs=0, macs=2, dense=4)
    assert count(fc, torch.tensor([[1j]])) == Ops(acs=2, macs=0, dense=4)
