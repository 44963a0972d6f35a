"""RTRL over an epoch: the gradient of every step through all steps before it, against backpropagation through time."""

import pytest
import torch
from torch import nn

import snn_core as snn
import snn_functional as SF
from snn_functional.backprop import BPTT, RTRL, TBPTT
from snn_functional.online import EPropLayer, RTRLLayer

T, B, C = 7, 5, 4


def build(neuron=snn.Leaky, *args):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, C), neuron(*(args or (0.9,)), init_hidden=True, output=True)).double()


def batches(steps=T):
    generator = torch.Generator().manual_seed(steps)
    options = {"dtype": torch.float64, "generator": generator}
    return [(4 * torch.rand(steps, B, 3, **options), torch.randint(C, (B,), generator=generator)) for _ in range(3)]


class Collected(torch.optim.SGD):
    """An optimizer that changes nothing and adds up the gradients it is given."""

    def __init__(self, net):
        super().__init__(net.parameters(), lr=0.0)
        self.net = net
        self.total = [torch.zeros_like(p) for p in net.parameters()]

    def step(self, closure=None):
        for total, parameter in zip(self.total, self.net.parameters(), strict=True):
            total += parameter.grad


NETS = {
    "Leaky": lambda: build(),
    "Synaptic": lambda: build(snn.Synaptic, 0.7, 0.9),
    "Alpha": lambda: build(snn.Alpha, 0.9, 0.8),
    "read out": lambda: nn.Sequential(*build(), ReadOut()).double(),
}


class ReadOut(nn.Module):
    """Without a state: what the neurons do in a step, weighed."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.linear = nn.Linear(C, C)

    def forward(self, outputs):
        return self.linear(outputs[0]), self.linear(outputs[-1])


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("criterion", [SF.ce_rate_loss(), SF.mse_membrane_loss()], ids=lambda c: c.__name__)
@pytest.mark.parametrize("steps", [1, 7])
def test_gradients_of_the_steps_add_up_to_those_of_the_mean_through_time(name, criterion, steps):
    online, whole = NETS[name](), NETS[name]()
    result, expected = Collected(online), Collected(whole)
    loss = RTRL(online, batches(steps), result, criterion)
    assert float(loss) == pytest.approx(float(BPTT(whole, batches(steps), expected, criterion)), rel=1e-12)
    for a, b in zip(result.total, expected.total, strict=True):
        torch.testing.assert_close(a / steps, b, rtol=1e-10, atol=1e-10)


def test_cut_after_every_step_the_gradient_is_another_one():
    result, cut = Collected(net := build()), Collected(twin := build())
    RTRL(net, batches(), result, SF.mse_membrane_loss())
    TBPTT(twin, batches(), cut, SF.mse_membrane_loss(), K=1)
    assert not torch.allclose(result.total[0], cut.total[0], rtol=0.05)


def test_it_updates_the_net_itself_in_every_step():
    net = build()
    counted = torch.optim.SGD(net.parameters(), lr=0.05)
    updates = []
    counted.register_step_post_hook(lambda *_: updates.append(net[0].weight.clone()))
    first = RTRL(net, batches(), counted, SF.mse_membrane_loss())
    assert len(updates) == 3 * T
    assert not torch.equal(updates[0], updates[1])
    for _ in range(5):
        last = RTRL(net, batches(), counted, SF.mse_membrane_loss())
    assert last < first
    assert net.training
    assert net[1].mem.shape == (0,)


def test_updates_are_those_of_the_layer_used_by_hand():
    net, by_hand = build(), build()
    penalty = SF.l1_rate_sparsity(0.01)
    RTRL(net, batches(), torch.optim.SGD(net.parameters(), 0.1), SF.ce_rate_loss(), regularization=penalty)
    layer, optimizer = RTRLLayer(by_hand[0], by_hand[1]), torch.optim.SGD(by_hand.parameters(), 0.1)
    for data, targets in batches():
        snn.utils.reset(layer)
        for x in data:
            spk, mem = layer(x)
            optimizer.zero_grad()
            (nn.functional.cross_entropy(spk, targets) + 0.01 * spk.sum()).backward()
            optimizer.step()
    for a, b in zip(net.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def test_data_without_time_and_time_second():
    still = [(data[0], targets) for data, targets in batches()]
    loader = [(data.expand(4, *data.shape), targets) for data, targets in still]
    nets = [build() for _ in range(3)]
    sgd = [torch.optim.SGD(net.parameters(), 0.1) for net in nets]
    losses = [
        RTRL(nets[0], still, sgd[0], SF.ce_rate_loss(), num_steps=4, time_var=False),
        RTRL(nets[1], loader, sgd[1], SF.ce_rate_loss()),
        RTRL(nets[2], [(d.transpose(0, 1), y) for d, y in loader], sgd[2], SF.ce_rate_loss(), time_first=False),
    ]
    assert losses[0] == losses[1] == losses[2]
    assert torch.equal(nets[0][0].weight, nets[1][0].weight)
    assert torch.equal(nets[0][0].weight, nets[2][0].weight)


def test_layers_before_and_after_may_be_nested_and_flattened():
    inner = build()
    net = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Identity(), nn.Sequential(*inner)))
    result, plain = Collected(net), Collected(twin := build())
    images = [(data.unsqueeze(2), targets) for data, targets in batches()]
    RTRL(net, images, result, SF.ce_rate_loss())
    RTRL(twin, batches(), plain, SF.ce_rate_loss())
    assert all(torch.equal(a, b) for a, b in zip(result.total, plain.total, strict=True))


def test_a_net_built_of_online_layers_is_taken():
    plain, twin = build(), build()
    online = nn.Sequential(RTRLLayer(twin[0], twin[1]))
    result, expected = Collected(online), Collected(plain)
    RTRL(online, batches(), result, SF.ce_rate_loss())
    RTRL(plain, batches(), expected, SF.ce_rate_loss())
    assert all(torch.equal(a, b) for a, b in zip(result.total, expected.total, strict=True))


def test_truncated_training_of_online_layers_is_online_training_of_deep_nets():
    torch.manual_seed(0)
    net = nn.Sequential(
        EPropLayer(nn.Linear(3, 6), snn.RLeaky(0.9, linear_features=6, init_hidden=True)),
        RTRLLayer(nn.Linear(6, C), snn.Leaky(0.9, init_hidden=True, output=True)),
    ).double()
    optimizer = torch.optim.SGD(net.parameters(), 0.05)
    losses = [float(TBPTT(net, batches(), optimizer, SF.mse_membrane_loss(), K=1)) for _ in range(6)]
    assert losses[-1] < losses[0]


def frozen_then_learned():
    net = nn.Sequential(nn.Linear(3, 3), *build()).double()
    net[0].requires_grad_(False)
    return net


def test_frozen_layers_may_stand_before():
    net = frozen_then_learned()
    before = net[0].weight.clone()
    RTRL(net, batches(), torch.optim.SGD(net[1:].parameters(), 0.1), SF.ce_rate_loss())
    assert torch.equal(net[0].weight, before)
