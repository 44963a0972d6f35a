"""Nets in C give what a stream of the net gives."""

from __future__ import annotations

import pathlib

import pytest
import torch
from torch import nn

import snn_core as snn
import snn_export
from in_c.compiling import as_row, differing_step
from in_c.nets import KEEPS, NETS, inputs, spiking


@pytest.mark.parametrize("name", NETS)
def test_steps_on_a_grid_are_the_same(name, compiler, tmp_path):
    torch.manual_seed(0)
    net, shape = NETS[name]()
    xs = inputs(shape, 100)
    assert spiking(net, xs), "the test would see nothing"
    compiled = compiler(net, xs[0], tmp_path / "c")
    assert differing_step(net, compiled, xs) is None
    compiled.reset()
    assert differing_step(net, compiled, xs[:20]) is None


ORDINARY = {
    "leaky": lambda: snn.Leaky(0.9, **KEEPS),
    "synaptic": lambda: snn.Synaptic(0.9, 0.8, **KEEPS),
    "alpha": lambda: snn.Alpha(0.9, 0.8, **KEEPS),
    "recurrent": lambda: snn.RLeaky(0.9, linear_features=7, **KEEPS),
    "lstm": lambda: snn.SLSTM(7, 7, threshold=0.05, **KEEPS),
    "adex": lambda: snn.AdEx(**KEEPS),
}
SCALES = {"adex": 1000.0}


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_weights_differ_first_where_a_membrane_is_at_its_threshold(name, compiler, tmp_path):
    torch.manual_seed(0)
    neuron = ORDINARY[name]()
    net = nn.Sequential(nn.Linear(5, 7), neuron)
    xs = torch.rand(1000, 1, 5) * 3 * SCALES.get(name, 1.0)
    assert spiking(net, xs)
    compiled, run = compiler(net, xs[0], tmp_path / "c"), snn.stream(net)
    for step, x in enumerate(xs):
        expected, out = as_row(run(x)), compiled(x[0])
        if not torch.equal(out, expected):
            states = {k.removeprefix("1."): v for k, v in run.state_dict().items()}
            distance = (neuron.membrane(neuron.State(**states)) - neuron.threshold)[0, out != expected].abs()
            assert step > 10
            assert bool((distance < 1e-4 * SCALES.get(name, 1.0)).all())
            return


def test_zeros_are_skipped_where_spikes_come_in():
    net = nn.Sequential(nn.Linear(3, 4), snn.Leaky(0.5, **KEEPS), nn.Linear(4, 2))
    analog, spikes = (
        snn_export.export(net, x, format="c").files["net.c"] for x in (torch.full((1, 3), 0.5), torch.ones(1, 3))
    )
    assert analog.count("if (spike == 0.0f)") == 1
    assert spikes.count("if (spike == 0.0f)") == 2


def test_a_delay_of_whole_steps_moves_its_input_as_it_is(compiler, tmp_path):
    xs = torch.tensor([0.1, 1e4, 0.0, -1e-3, 1e9, 0.3, 7.0]).reshape(-1, 1, 1).expand(-1, 1, 4)
    net = snn.AxonalDelay(3, torch.arange(4.0), channels=4)
    compiled = compiler(net, xs[0], tmp_path / "c")
    assert differing_step(net, compiled, xs) is None


def test_a_layer_that_runs_twice_has_its_weights_once():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            return self.layer(self.layer(x))

    export = snn_export.export(Twice(), torch.full((1, 4), 0.5), format="c")
    assert export.report.flash == 4 * (16 + 4)
    assert export.files["net.c"].count("static const float") == 2


def test_normalization_is_folded_into_the_layer_before_it(compiler, tmp_path):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), snn.Leaky(0.5, **KEEPS), nn.BatchNorm2d(3))
    with torch.no_grad():
        net(torch.rand(20, 1, 5, 5))
    snn.utils.reset(net.eval())
    export = snn_export.export(net, torch.rand(1, 1, 5, 5), format="c")
    assert [layer.kind for layer in export.report.layers] == ["Conv2d and BatchNorm2d", "Leaky", "BatchNorm2d"]
    compiled, run = compiler(net, torch.rand(1, 1, 5, 5), tmp_path / "c"), snn.stream(net)
    for x in torch.rand(20, 1, 1, 5, 5):
        torch.testing.assert_close(compiled(x), as_row(run(x)), atol=1e-6, rtol=1e-6)


def test_normalization_is_not_folded_where_something_else_reads_what_it_reads(compiler, tmp_path):
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.norm = nn.Linear(3, 3), nn.BatchNorm1d(3)

        def forward(self, x):
            y = self.layer(x)
            return self.norm(y.contiguous().clone()) + y

    net = Both()
    with torch.no_grad():
        net(torch.rand(20, 3))
    net.eval()
    compiled, x = compiler(net, torch.rand(1, 3), tmp_path / "c"), torch.rand(1, 3)
    torch.testing.assert_close(compiled(x), net(x)[0].detach(), atol=1e-6, rtol=1e-6)


def test_quantized_weights_are_written_as_they_act():
    class Halved(nn.Module):
        def forward(self, weight):
            return weight / 2

    net = nn.Sequential(nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        net[0].weight.fill_(1.0)
    torch.nn.utils.parametrize.register_parametrization(net[0], "weight", Halved())
    assert "0x1p-1f, 0x1p-1f" in snn_export.export(net, torch.full((1, 2), 0.5), format="c").files["net.c"]
    assert torch.equal(net[0].weight, torch.tensor([[0.5, 0.5]]))
    assert torch.nn.utils.parametrize.is_parametrized(net[0])


def test_the_net_and_its_state_stay_as_they_are():
    net, shape = NETS["recurrent delays"]()
    xs = inputs(shape, 5)
    run = snn.unroll(net, xs)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    mem = net[1].mem.clone()
    state = torch.random.get_rng_state()
    snn_export.export(net, xs[0], recorded=xs, format="c")
    assert torch.equal(net[1].mem, mem)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(net.state_dict()[name], tensor) for name, tensor in before.items())
    assert torch.equal(snn.unroll(net, xs), run)


def test_the_same_net_is_the_same_text():
    net, shape = NETS["residual"]()
    first, second = (snn_export.export(net, inputs(shape, 1)[0], format="c").files for _ in range(2))
    assert first == second


def test_a_path_is_a_folder_with_the_files(tmp_path: pathlib.Path):
    net, shape = NETS["dense"]()
    export = snn_export.export(
        net, inputs(shape, 1)[0], tmp_path / "c" / "net.c", recorded=inputs(shape, 3), format="c"
    )
    assert {f.name: f.read_text() for f in (tmp_path / "c").iterdir()} == dict(export.files)
