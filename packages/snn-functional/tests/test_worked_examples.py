"""Calls that users of snnTorch know from its documentation, with the imports renamed, and values known by hand."""

import math

import pytest
import torch
from torch import nn

import snn_core as snn
import snn_functional as SF
from snn_core import utils
from snn_functional import backprop, probe, quant

T, B, C = 120, 2, 10
TARGETS = torch.tensor([3, 7])


def first_spikes_at(correct, others, *more):
    """Spikes of ten classes for the two labels; ``more`` are pairs of further times."""
    spk_out = torch.zeros(T, B, C)
    for right, wrong in ((correct, others), *more):
        spk_out[wrong] = 1
        spk_out[wrong, range(B), TARGETS] = 0
        spk_out[right, range(B), TARGETS] = 1
    return spk_out


@pytest.mark.parametrize("loss", [SF.ce_rate_loss, SF.ce_count_loss, SF.ce_max_membrane_loss, SF.ce_temporal_loss])
def test_ten_silent_classes_are_equally_likely(loss):
    assert loss()(torch.zeros(T, B, C), TARGETS).item() == pytest.approx(math.log(10))


def test_a_population_of_two_hundred_outputs_has_twenty_a_class():
    loss_fn = SF.ce_count_loss(population_code=True, num_classes=10)
    spk_out = torch.zeros(1, B, 200)
    spk_out[0, 0, 60:80] = spk_out[0, 1, 140:160] = 1  # all of the right class
    assert loss_fn(spk_out, TARGETS).item() == pytest.approx(math.log(1 + 9 * math.exp(-20)), abs=1e-7)


def test_classes_that_fire_at_their_rates_have_no_loss():
    loss_fn = SF.mse_count_loss(correct_rate=0.75, incorrect_rate=0.25)
    spk_out = torch.zeros(T, B, C)
    spk_out[: T // 4] = 1
    spk_out[: 3 * T // 4, range(B), TARGETS] = 1
    assert loss_fn(spk_out, TARGETS).item() == 0


def test_membranes_have_one_target_or_one_in_every_step():
    mem_out = torch.zeros(T, B, C)
    assert SF.mse_membrane_loss(time_var_targets=False)(mem_out, TARGETS).item() == pytest.approx(1 / C)
    every_step = TARGETS.expand(T, B)
    assert SF.mse_membrane_loss(time_var_targets=True)(mem_out, every_step).item() == pytest.approx(1 / C)


@pytest.mark.parametrize(
    ("options", "spk_out"),
    [
        ({}, first_spikes_at(0, -1)),
        ({"on_target": 5, "off_target": 100, "tolerance": 2}, first_spikes_at(6, 99)),
        (
            {
                "on_target": torch.tensor((5, 10)),
                "off_target": torch.tensor((100, 105)),
                "tolerance": 2,
                "multi_spike": True,
            },
            first_spikes_at(6, 101, (11, 104)),
        ),
    ],
    ids=["defaults", "times", "several times"],
)
def test_spikes_within_the_tolerance_of_their_times_have_no_loss(options, spk_out):
    assert SF.mse_temporal_loss(**options)(spk_out, TARGETS).item() == 0


def test_several_times_ask_for_multi_spike():
    with pytest.raises(ValueError, match=r"on_target must be one time, or a list with .*, got tensor\(\[ 5, 10\]\)"):
        SF.mse_temporal_loss(on_target=torch.tensor((5, 10)), off_target=torch.tensor((100, 105)), tolerance=2)


def test_five_neurons_have_a_time_each():
    times = torch.tensor((5, 10, 15, 20, 25))
    spk_out = torch.zeros(30, 1, 5)
    spk_out[times, 0, torch.arange(5)] = 1
    loss_fn = SF.mse_temporal_loss(target_is_time=True)
    assert loss_fn(spk_out, times).item() == 0
    assert loss_fn(spk_out.roll(1, 0), times).item() == pytest.approx((1 / 30) ** 2)  # a step late, all of them


def test_the_states_of_a_neuron_are_quantized():
    thr = 5
    q_lif = quant.state_quant(num_bits=4, uniform=True, threshold=thr)
    lif = snn.Leaky(beta=0.5, threshold=thr, state_quant=q_lif)
    mem = lif.init_leaky()
    _, mem = lif(torch.rand(1), mem)
    assert mem.item() in q_lif.levels.tolist()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(8, 4)
        self.lif1 = snn.Leaky(beta=0.9, init_hidden=True)
        self.fc2 = nn.Linear(4, 2)
        self.lif2 = snn.Leaky(beta=0.9, init_hidden=True)

    def forward(self, x_seq):
        return self.lif2(self.fc2(self.lif1(self.fc1(x_seq))))


@pytest.mark.parametrize(
    ("monitor", "shape"),
    [
        (lambda net, kind: probe.OutputMonitor(net, instance=kind), (1, 4)),
        (lambda net, kind: probe.InputMonitor(net, instance=kind), (1, 4)),
        (lambda net, kind: probe.AttributeMonitor("mem", False, net, instance=kind), (1, 4)),
        (lambda net, kind: probe.GradInputMonitor(net, instance=kind), (1, 4)),
        (lambda net, kind: probe.GradOutputMonitor(net, instance=kind), (1, 4)),
    ],
    ids=["output", "input", "attribute", "gradient of the input", "gradient of the output"],
)
def test_monitors_record_two_neurons_by_name(monitor, shape):
    net = Net()
    records = monitor(net, snn.Leaky)
    net(torch.rand([1, 8])).sum().backward()
    assert records.monitored_layers == ["lif1", "lif2"]
    assert len(records.records) == 2
    assert records["lif1"][0].shape == shape
    assert records[0] is records["lif1"][0] or records[0] is records["lif2"][0]


def test_a_monitor_asks_for_the_class_and_not_for_a_neuron():
    with pytest.raises(TypeError, match="instance must be its class, Leaky, or a tuple of classes, got Leaky"):
        probe.OutputMonitor(Net(), instance=snn.Leaky(beta=0.9))


def build():
    torch.manual_seed(0)
    lif1 = snn.Leaky(beta=0.9, init_hidden=True)
    lif2 = snn.Leaky(beta=0.9, init_hidden=True, output=True)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 500), lif1, nn.Linear(500, 10), lif2)


def images():
    generator = torch.Generator().manual_seed(0)
    return [(torch.rand(4, 1, 28, 28, generator=generator), torch.arange(4)) for _ in range(2)]


@pytest.mark.parametrize(("train", "options"), [(backprop.BPTT, {}), (backprop.TBPTT, {"K": 40})])
def test_an_epoch_of_images_shown_for_a_hundred_steps_lowers_the_loss(train, options):
    net = build()
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-4, betas=(0.9, 0.999))
    losses = [
        train(
            net,
            images(),
            optimizer=optimizer,
            criterion=SF.mse_count_loss(),
            num_steps=100,
            time_var=False,
            regularization=SF.l1_rate_sparsity(),
            device=torch.device("cpu"),
            **options,
        )
        for _ in range(2)
    ]
    assert losses[1] < losses[0]
    utils.reset(net)


def test_an_update_in_every_step_of_two_spiking_layers_is_a_truncated_one():
    net = build()
    arguments = {"criterion": SF.mse_count_loss(), "num_steps": 3, "time_var": False}
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-4)
    with pytest.raises(ValueError, match=r"net must be .*, got 2 layers with a state\. Fix: use TBPTT\(\.\.\., K=1\)"):
        backprop.RTRL(net, images(), optimizer, **arguments)
    assert backprop.TBPTT(net, images(), optimizer, **arguments, K=1).isfinite()
