"""The energy of nets: worked out by hand, sample by sample, beside the ordinary network, by a model of one's own."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import snn_core as snn
from snn_functional import energy, synops
from snn_functional.statistics import CostModel

from .test_summary import convolutional

PJ = 1e-12
MEMORY = "45nm+memory"


def by_hand():
    """Three inputs, two neurons of which the first fires in every step, and four that fire in the second of three."""
    lif = {"beta": 0.5, "init_hidden": True}
    net = nn.Sequential(nn.Linear(3, 2), snn.Leaky(**lif), nn.Linear(2, 4, bias=False), snn.Leaky(**lif))
    net[0].weight.data = torch.tensor([[1.0, 0, 1], [0, 1, 0]])
    net[0].bias.data.zero_()
    net[2].weight.data.fill_(1)
    return net, torch.tensor([0.5, 0, 1]).expand(3, 1, 3)


def test_a_net_of_two_layers_costs_what_it_costs_by_hand():
    account = energy(*by_hand())
    first, hidden, second, output = (layer.operations for layer in account.layers)
    # two inputs other than 0, each with one weight other than 0, in three steps
    assert (first["Effective_MACs"], first["Effective_ACs"], first["Dense"]) == (6, 0, 18)
    assert (first["Biases"], first["Updates"], first["Instructions"]) == (6, 0, 0)
    # membranes 1.5, 1.25, 1.125: three spikes to four neurons
    assert (second["Effective_MACs"], second["Effective_ACs"], second["Dense"]) == (0, 12, 24)
    assert (hidden["Updates"], output["Updates"]) == (6, 12)
    # 2 multiplications of 3.7 pJ; an addition, 2 subtractions and 2 comparisons of 0.9 pJ
    assert hidden["Instructions"] == 6 * 7
    parts = {"synapses": 6 * 4.6 + 12 * 0.9, "biases": 6 * 0.9, "updates": 18 * 11.9}
    assert account.parts == pytest.approx(
        {**{name: part * PJ for name, part in parts.items()}, **dict.fromkeys(("weights", "states", "activations"), 0)}
    )
    assert (account.total, account.samples[0]) == pytest.approx((258 * PJ, 258 * PJ))
    # 14 products, 2 biases, 6 rectifiers
    expected = {"float32": (14 * 4.6 + 8 * 0.9) * PJ, "int8": (14 * 0.23 + 8 * 0.03) * PJ}
    assert account.ordinary == pytest.approx(expected)
    assert [layer.sparsity for layer in account.layers] == pytest.approx([1 / 3, 1 / 2, 1 / 2, 2 / 3])
    # 3 + 4 spikes in 18 steps of neurons; 3 of 14 weights are 0
    assert account.metrics["ActivationSparsity"] == pytest.approx(11 / 18)
    assert account.metrics["ConnectionSparsity"] == pytest.approx(3 / 14)


def test_accesses_to_memory_cost_what_they_cost_by_hand():
    account = energy(*by_hand(), model=MEMORY)
    accesses = [layer.accesses for layer in account.layers]
    assert [a["weights"] for a in accesses] == [6 + 6, 0, 12, 0]
    assert [a["states"] for a in accesses] == [0, 2 * 6, 0, 2 * 12]
    # inputs other than 0, and spikes
    assert [a["activations"] for a in accesses] == [6, 3, 3, 4]
    assert account.parts["weights"] == pytest.approx(24 * 5 * PJ)
    assert account.parts["states"] == pytest.approx(36 * 5 * PJ)
    assert account.total == pytest.approx((258 + 76 * 5) * PJ)
    # of the ordinary network 14 weights and 2 biases, 3 + 2 inputs and 2 + 4 outputs; 8 bits are a quarter
    assert account.ordinary["float32"] == pytest.approx((71.6 + 27 * 5) * PJ)
    assert account.ordinary["int8"] == pytest.approx((3.46 + 27 * 5 / 4) * PJ)


@pytest.mark.parametrize(
    ("inputs", "outputs", "access", "of_int8"),
    # 8 KiB hold 2048 numbers of 32 bits, and 8192 of 8 bits
    [(32, 64, 5, 5), (32, 65, 10, 5), (128, 64, 10, 5), (128, 65, 50, 10), (512, 512, 50, 50), (512, 513, 650, 50)],
)
def test_a_layer_lies_in_the_smallest_memory_that_holds_it(inputs, outputs, access, of_int8):
    account = energy(nn.Linear(inputs, outputs, bias=False), torch.ones(1, 1, inputs), model=MEMORY)
    assert account.parts["weights"] == pytest.approx(inputs * outputs * access * PJ)
    ordinary = account.layers[0].ordinary
    assert ordinary["float32"]["weights"] == pytest.approx(inputs * outputs * access * PJ)
    assert ordinary["int8"]["weights"] == pytest.approx(inputs * outputs * of_int8 / 4 * PJ)


def test_a_convolution_with_stride_and_padding_costs_what_it_costs_by_hand():
    # 5 x 5 pixels, 3 x 3 windows around every second one: along an axis a pixel is in 1, 2, 1, 2, 1 windows
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3, stride=2, padding=1, bias=False), snn.Leaky(0.9, threshold=99.0, init_hidden=True)
    )
    net[0].weight.data.fill_(1)
    xs = torch.zeros(2, 1, 1, 5, 5)
    xs[0, 0, 0, 0, 0] = xs[0, 0, 0, 0, 1] = xs[1, 0, 0, 1, 3] = 1  # corner, border, middle
    xs[1, 0, 0, 2, 4] = -1  # border
    account = energy(net, xs)
    operations = account.layers[0].operations
    assert operations["Effective_ACs"] == 2 * (1 + 2 + 4 + 1)
    assert operations["Dense"] == 2 * 2 * 7 * 7
    assert operations["Effective_MACs"] == operations["Biases"] == 0
    assert account.parts["synapses"] == pytest.approx(16 * 0.9 * PJ)
    # 18 neurons in 2 steps
    assert account.parts["updates"] == pytest.approx(36 * 11.9 * PJ)
    assert account.layers[0].accesses == {"weights": 16, "states": 0, "activations": 4}
    assert account.ordinary["float32"] == pytest.approx((98 * 4.6 + 18 * 0.9) * PJ)
    xs[0, 0, 0, 0, 0] = 0.5  # a number, so that the sample's step is multiplied
    operations = energy(net, xs).layers[0].operations
    assert (operations["Effective_MACs"], operations["Effective_ACs"]) == (2 * (1 + 2), 2 * (4 + 1))


@settings(max_examples=15, deadline=None)
@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=4), seed=st.integers(0, 2**31))
def test_a_padded_batch_costs_what_its_samples_cost_alone(lengths, seed):
    generator = torch.Generator().manual_seed(seed)
    xs = 3 * torch.rand(5, len(lengths), 1, 6, 6, generator=generator)
    xs[:, ::2] = (xs[:, ::2] > 2).float()  # spikes beside numbers
    net = convolutional(stride=1)
    padding = torch.arange(5).unsqueeze(1) >= torch.tensor(lengths)
    padded = xs.masked_fill(padding.reshape(5, -1, 1, 1, 1), float("nan"))
    account = energy(net, padded, lengths=lengths, model=MEMORY)
    alone = [energy(net, xs[:n, b : b + 1], model=MEMORY) for b, n in enumerate(lengths)]
    assert account.samples == tuple(each.samples[0] for each in alone)
    assert account.total == pytest.approx(sum(account.samples) / len(lengths))
    for row, layer in enumerate(account.layers):
        for kind in ("operations", "accesses", "energy"):
            others = [getattr(each.layers[row], kind) for each in alone]
            mean = {name: sum(other[name] for other in others) / len(others) for name in others[0]}
            assert getattr(layer, kind) == pytest.approx(mean)
    # the ordinary network runs once, however long a sample is
    assert account.ordinary == pytest.approx(alone[0].ordinary)


def test_recurrent_synapses_are_counted():
    lif = snn.RLeaky(0.5, linear_features=2, init_hidden=True)
    lif.recurrent.weight.data.fill_(0.1)
    lif.recurrent.bias.data.zero_()
    account = energy(nn.Sequential(lif), torch.full((3, 1, 2), 5.0))
    assert [layer.name for layer in account.layers] == ["0", "0.recurrent"]
    # both fire in each of three steps, and the spikes of two steps come back
    operations = account.layers[1].operations
    assert (operations["Effective_ACs"], operations["Dense"], operations["Biases"]) == (8, 12, 6)
    # 9 instructions, without those that make numbers of conditions
    assert account.layers[0].operations["Instructions"] == 6 * 9
    one_to_one = energy(
        nn.Sequential(snn.RLeaky(0.5, V=0.1, all_to_all=False, init_hidden=True)), torch.full((3, 1, 2), 5.0)
    )
    assert one_to_one.layers[1].operations["Effective_ACs"] == 4
    # the product with V and its sum are the synapses, and the sum with a dense layer's output is not there
    assert one_to_one.layers[0].operations["Instructions"] == 6 * 8


def test_graded_spikes_are_multiplied():
    for factor, operations in ((1.0, (0, 6)), (0.5, (6, 0))):
        lif = snn.Leaky(0.5, init_hidden=True, graded_spikes_factor=factor)
        account = energy(nn.Sequential(lif, nn.Linear(2, 3)), torch.full((1, 1, 2), 1.5)).layers[1].operations
        assert (account["Effective_MACs"], account["Effective_ACs"]) == operations


def test_an_update_costs_the_instructions_of_its_step_program():
    for neuron in (snn.Synaptic(alpha=0.8, beta=0.9, init_hidden=True), snn.Izhikevich(init_hidden=True)):
        names = [
            instruction.name for instruction in snn.program(neuron).forward.instructions if instruction.name != "number"
        ]
        operations = energy(nn.Sequential(neuron), torch.rand(5, 7, 3)).layers[0].operations
        assert operations["Updates"] == 5 * 3
        assert operations["Instructions"] == 5 * 3 * len(names)


def test_layers_that_are_not_counted_are_named_and_nobody_wins():
    lif = snn.Leaky(0.9, inhibition=True, init_hidden=True)  # which has no step program
    account = energy(nn.Sequential(nn.Linear(3, 4), lif, nn.LayerNorm(4)), torch.rand(5, 2, 3))
    assert account.uncounted == ("2", "the updates of 1")
    assert account.layers[1].operations["Updates"] == 0
    assert str(account).endswith("not counted: 2, the updates of 1")
    assert "win" not in str(account)
    assert "; of what is counted, the spiking net takes " in str(account)


def test_a_normalization_is_folded_into_the_weights_once_the_net_is_trained():
    net, xs = nn.Sequential(nn.Linear(3, 4, bias=False), nn.BatchNorm1d(4)), torch.rand(5, 2, 3)
    assert energy(net, xs).uncounted == ("1",)
    assert energy(net.eval(), xs).uncounted == ()
    assert energy(net.eval(), xs).total == pytest.approx(5 * 12 * 4.6 * PJ)


def test_it_reports_the_winner():
    # one spike in ten steps for 512 x 512 weights: 512 additions, where the ordinary network has 512 * 512 products
    net = nn.Sequential(nn.Linear(512, 512, bias=False), snn.Leaky(0.9, threshold=99.0, init_hidden=True))
    xs = torch.zeros(10, 1, 512)
    xs[3, 0, 5] = 1
    lines = str(energy(net, xs)).splitlines()
    assert lines[-4].startswith("the ordinary network of these layers, run once in float32: 1.21 µJ")
    assert lines[-4].endswith("the spiking net takes 0.0509 times that and wins")
    assert lines[-3].startswith("the ordinary network of these layers, run in each step in float32: 12.1 µJ")
    assert lines[-3].endswith("the spiking net takes 0.00509 times that and wins")
    assert lines[-2].endswith("once in int8: 60.3 nJ; the spiking net takes 1.02 times that and does not win")
    assert lines[-1].endswith("in each step in int8: 603 nJ; the spiking net takes 0.102 times that and wins")


def test_the_ordinary_network_runs_in_each_step_of_input_that_changes_over_time():
    net, xs = by_hand()
    constant = energy(net, xs)
    assert constant.ordinary_per_step == {}
    assert "in each step" not in str(constant)
    xs = xs.clone()
    xs[2] = 0
    account = energy(net, xs)
    assert account.ordinary == constant.ordinary
    # 14 products, 2 biases and 6 rectifiers in each of three steps
    expected = {"float32": 3 * (14 * 4.6 + 8 * 0.9) * PJ, "int8": 3 * (14 * 0.23 + 8 * 0.03) * PJ}
    assert account.ordinary_per_step == pytest.approx(expected)
    assert account.to_dict()["ordinary_per_step"] == account.ordinary_per_step
    # 14 weights and 2 biases, 3 + 2 inputs and 2 + 4 outputs in each step
    priced = energy(net, xs, model=MEMORY).ordinary_per_step
    assert priced["float32"] == pytest.approx(3 * (71.6 + 27 * 5) * PJ)
    assert priced["int8"] == pytest.approx(3 * (3.46 + 27 * 5 / 4) * PJ)


def test_each_sample_has_its_own_steps_and_padding_does_not_change():
    net, xs = by_hand()
    xs = xs.repeat(1, 2, 1)
    xs[1:, 1] = 7  # padding of the second sample
    assert energy(net, xs, lengths=[3, 1]).ordinary_per_step == {}
    xs[2, 0] = 0
    # three steps and one
    expected = 2 * (14 * 4.6 + 8 * 0.9) * PJ
    assert energy(net, xs, lengths=[3, 1]).ordinary_per_step["float32"] == pytest.approx(expected)


def test_a_single_step_does_not_change():
    assert energy(nn.Linear(3, 2), torch.rand(1, 2, 3)).ordinary_per_step == {}


def test_a_custom_model():
    own = CostModel("by hand", ac=1, mac=3, memories=((64, 10.0), (float("inf"), 1000.0)))
    account = energy(*by_hand(), model=own)
    # 2 multiplications of 3 - 1 and 5 additions an update
    assert account.total == 6 * 3 + 12 + 6 + 18 * 9 + 76 * 10
    assert account.ordinary == {"float32": 14 * 3 + 8 + 27 * 10}
    assert account.model is own


def test_it_is_json_under_the_names_of_neurobench_and_html():
    net, xs = convolutional(), torch.rand(4, 3, 1, 6, 6)
    account = energy(net, xs, model=MEMORY)
    data = json.loads(json.dumps(account.to_dict(), allow_nan=False))
    counted = synops(net, xs).total
    assert data["SynapticOperations"] == pytest.approx(
        {"Effective_MACs": counted.macs / 3, "Effective_ACs": counted.acs / 3, "Dense": counted.dense / 3}
    )
    assert data["Footprint"] == sum(tensor.nbytes for tensor in net.state_dict().values())
    assert 0 <= data["ActivationSparsity"] <= 1
    assert data["ConnectionSparsity"] == 0
    assert data["energy"]["total"] == pytest.approx(sum(data["samples"]) / 3)
    assert data["model"]["memories"][-1] == [None, 650 * PJ]
    page = account._repr_html_()
    assert page.count("<tr>") == 2 + len(account.layers)
    assert "does not win" in page or "wins" in page


def test_a_net_without_anything_to_count_is_refused():
    with pytest.raises(ValueError, match=r"net is a Flatten without neurons or layers .*; there is nothing"):
        energy(nn.Flatten(), torch.rand(3, 2, 4))


@pytest.mark.parametrize("model", ["45nm", "45nm+memory"])
def test_a_complex_layer_costs_what_the_real_layer_of_its_parts_costs(model):
    class Complex(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(5, 3, dtype=torch.complex64)

        def forward(self, x):
            out = self.fc(torch.complex(x[:, :5], x[:, 5:]))
            return torch.cat([out.real, out.imag], 1)

    torch.manual_seed(0)
    net, twin = Complex(), nn.Linear(10, 6)
    real, imag = net.fc.weight.data.real, net.fc.weight.data.imag
    twin.weight.data = torch.cat([torch.cat([real, -imag], 1), torch.cat([imag, real], 1)])
    xs = torch.rand(7, 3, 10) * (torch.rand(7, 3, 10) < 0.6)
    whole, parts = energy(net, xs, model=model), energy(twin, xs, model=model)
    assert whole.samples == parts.samples
    assert whole.ordinary == parts.ordinary
    assert whole.metrics["SynapticOperations"] == parts.metrics["SynapticOperations"]
    assert whole.metrics["Footprint"] == 8 * (15 + 3)  # its weights are stored once
    for name in ("sparsity", "operations", "accesses", "energy"):
        assert getattr(whole.layers[0], name) == getattr(parts.layers[0], name)


def test_a_neuron_that_is_called_by_its_forward_is_counted():
    class Direct(nn.Sequential):
        def forward(self, x):
            return self[3].forward(self[2](self[1].forward(self[0](x))))

    net, xs = by_hand()
    assert energy(Direct(*net), xs).to_dict() == energy(net, xs).to_dict()


@pytest.mark.parametrize("lengths", [None, [3, 1]])
def test_a_normalization_over_time_that_is_trained_leaves_a_net_to_its_own_code(lengths):
    class Own(nn.Sequential):
        def forward(self, x):
            assert x.isfinite().all().item()  # a value that is read into Python keeps a net from being recorded
            return super().forward(x)

    torch.manual_seed(0)
    layers = nn.Linear(3, 5), snn.BatchNormOverTime1d(5), snn.Leaky(0.5, init_hidden=True), nn.Linear(5, 2)
    net, xs = nn.Sequential(*layers).eval(), 5 * torch.rand(3, 2, 3)
    assert snn.unroll(Own(*net).eval(), xs, explain=True)[1].kind == "steps"
    account, expected = (energy(n, xs, lengths=lengths) for n in (Own(*net).eval(), net))
    assert 0 < account.layers[2].operations["Effective_ACs"] < account.layers[2].operations["Dense"]
    assert account == expected


@pytest.mark.parametrize("place", ["net", "neuron", "around"])
def test_a_compiled_net_is_counted_as_it_is_written(place):
    net, xs = by_hand()
    expected = energy(net, xs)
    if place != "around":
        (net if place == "net" else net[1]).compile(backend="eager")
    account = energy(torch.compile(net, backend="eager") if place == "around" else net, xs)
    assert (account.samples, account.parts) == (expected.samples, expected.parts)
    assert net[1].mem.numel() == net[3].mem.numel() == 0
