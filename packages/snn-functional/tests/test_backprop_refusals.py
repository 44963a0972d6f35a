"""What the epoch functions refuse, and that they say it before anything is changed."""

import pytest
import torch
from torch import nn

import snn_core as snn
import snn_functional as SF
from snn_functional.backprop import BPTT, RTRL, TBPTT

C = 4
LOADER = [(torch.ones(7, 5, 3), torch.arange(5) % C)]
STILL = [(torch.ones(5, 3), torch.arange(5) % C)]


def build(neuron=snn.Leaky, **options):
    return nn.Sequential(nn.Linear(3, C), neuron(**{"beta": 0.9, "init_hidden": True, "output": True, **options}))


def sgd(net):
    return torch.optim.SGD(net.parameters(), lr=0.5)


@pytest.mark.parametrize("train", [BPTT, TBPTT, RTRL])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_steps": 5}, ValueError, "num_steps is 5 with time_var=True"),
        ({"time_var": False}, ValueError, "num_steps is not given with time_var=False"),
        ({"time_var": False, "num_steps": None}, ValueError, "num_steps is not given"),
        ({"time_var": False, "num_steps": 0}, ValueError, "num_steps is 0; it must be at least 1"),
        ({"time_var": False, "num_steps": -3}, ValueError, "num_steps is -3"),
        ({"time_var": False, "num_steps": 2.5}, TypeError, r"num_steps is 2\.5; pass a number of time steps"),
        ({"time_var": False, "num_steps": True}, TypeError, "num_steps is True"),
        (
            {"time_var": False, "num_steps": 5, "time_first": False},
            ValueError,
            "time_first is False with time_var=False",
        ),
        (
            {"criterion": "ce_rate_loss"},
            TypeError,
            r"criterion is 'ce_rate_loss'; pass a function such as .*ce_rate_loss\(\)",
        ),
        ({"criterion": SF.ce_rate_loss(reduction="none")}, ValueError, r"criterion returned a loss of shape \(5,\)"),
        ({"criterion": lambda spk, targets: 0.5}, TypeError, "criterion returned a float in place of a tensor"),
        ({"regularization": 0.1}, TypeError, r"regularization is 0\.1; pass a function such as .*l1_rate_sparsity"),
        ({"regularization": lambda spk: spk}, ValueError, "regularization returned a loss of shape"),
        ({"regularization": lambda spk: None}, TypeError, "regularization returned a NoneType"),
        ({"optimizer": "adam"}, TypeError, r"optimizer is 'adam'; pass one made for the net"),
        ({"optimizer": torch.optim.Adam}, TypeError, "optimizer is <class"),
        ({"net": "net"}, TypeError, "net is a str; pass an nn"),
        ({"dataloader": 3}, TypeError, "dataloader is a int; pass a DataLoader"),
        ({"dataloader": []}, ValueError, "dataloader gave no batch"),
        ({"dataloader": iter([])}, ValueError, "an iterator lasts for one epoch"),
        ({"dataloader": [torch.ones(3)]}, TypeError, "dataloader gave a Tensor; it must give pairs of tensors"),
        ({"dataloader": [(torch.ones(3),)]}, TypeError, r"dataloader gave \(Tensor\)"),
        ({"dataloader": [(torch.ones(2, 5, 3), [1, 2])]}, TypeError, r"dataloader gave \(Tensor, list\)"),
        ({"dataloader": [(LOADER[0][0][:0], LOADER[0][1])]}, ValueError, r"shape \(0, 5, 3\); it must be \[T, batch"),
        ({"dataloader": [(LOADER[0][0][:, :0], LOADER[0][1][:0])]}, ValueError, r"shape \(7, 0, 3\).*neither 0"),
        ({"dataloader": [(torch.ones(3), LOADER[0][1])]}, ValueError, r"shape \(3,\); it must be \[T, batch"),
        (
            {"dataloader": [(torch.ones(3), LOADER[0][1])], "time_first": False},
            ValueError,
            r"shape \(3,\); it must be \[batch, T",
        ),
        (
            {"dataloader": [(torch.ones(0, 3), LOADER[0][1])], "time_var": False, "num_steps": 3},
            ValueError,
            r"shape \(0, 3\); it must be \[batch, \.\.\.\]",
        ),
        ({"dataloader": [(LOADER[0][0], LOADER[0][1][:3])]}, ValueError, r"targets has shape \(3,\)"),
        (
            {"criterion": SF.mse_membrane_loss(time_var_targets=True)},
            ValueError,
            r"targets of a batch have shape \(5,\); .*\[7, batch, \.\.\.\] as the data is",
        ),
        (
            {
                "criterion": SF.mse_membrane_loss(time_var_targets=True),
                "dataloader": [(LOADER[0][0], torch.zeros(14, 5, dtype=torch.long))],
            },
            ValueError,
            r"targets of a batch have shape \(14, 5\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(train, options, error, message):
    net = build()
    arguments = {"net": net, "dataloader": LOADER, "optimizer": sgd(net), "criterion": SF.ce_rate_loss(), **options}
    before = net[0].weight.clone()
    with pytest.raises(error, match=message):
        train(**arguments)
    assert torch.equal(net[0].weight, before)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"K": 0}, ValueError, "K is 0; it must be at least 1"),
        ({"K": 2.0}, TypeError, r"K is 2\.0"),
        ({"K": False}, TypeError, "K is False"),
        ({"K": 9, "num_steps": 5, "time_var": False}, ValueError, "K is 9 with num_steps=5"),
    ],
)
def test_a_stretch_is_a_positive_number_of_steps(options, error, message):
    net = build()
    with pytest.raises(error, match=message):
        TBPTT(net, STILL, sgd(net), SF.ce_rate_loss(), **options)


@pytest.mark.parametrize("train", [BPTT, TBPTT])
@pytest.mark.parametrize(
    ("net", "criterion", "error", "message"),
    [
        (
            lambda: build(output=False),
            SF.mse_membrane_loss(),
            ValueError,
            "mse_membrane_loss takes the membrane.*output",
        ),
        (lambda: build(init_hidden=False), SF.ce_rate_loss(), ValueError, r"'1' \(Leaky\) has init_hidden=False"),
        (build, SF.ce_rate_loss, TypeError, r"criterion is the class ce_rate_loss; pass an instance, ce_rate_loss\(\)"),
        (
            lambda: build(snn.DeltaLeaky),
            SF.mse_membrane_loss(),
            TypeError,
            "mse_membrane_loss takes mem_out, and the net returns a tuple in its place",
        ),
    ],
)
def test_a_net_that_does_not_fit_the_loss_is_refused(train, net, criterion, error, message):
    made = net()
    with pytest.raises(error, match=message):
        train(made, LOADER, sgd(made), criterion)
