"""Bad input for the epoch functions."""

from __future__ import annotations

import torch
from torch import nn

import snn_core as snn
import snn_functional as SF
from snn_functional import backprop

from .refusal import Case, Row

C = 4
DATA, LABELS = torch.ones(7, 5, 3), torch.arange(5) % C
LIF = {"beta": 0.9, "init_hidden": True}


class Own(nn.Module):
    """A net that is no ``nn.Sequential``."""

    def __init__(self):
        super().__init__()
        self.fc, self.lif = nn.Linear(3, C), snn.Leaky(**LIF)

    def forward(self, x):
        return self.lif(self.fc(x))


def build(neuron=snn.Leaky, **options):
    return nn.Sequential(nn.Linear(3, C), neuron(**{**LIF, "output": True, **options}))


def arguments():
    net = build()
    criterion = SF.ce_rate_loss()
    return {"net": net, "dataloader": [(DATA, LABELS)], "optimizer": torch.optim.SGD(net.parameters(), 0.5)} | {
        "criterion": criterion
    }


def unchanged_if_refused(train):
    """The epoch function; what it refuses, it refuses before anything has learned."""

    def call(net, **arguments):
        before = [p.clone() for p in net.parameters()] if isinstance(net, nn.Module) else []
        try:
            return train(net, **arguments)
        except (TypeError, ValueError):
            after = net.parameters() if isinstance(net, nn.Module) else []
            assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))
            raise

    return call


def batch(*parts, message, error=ValueError, **others):
    """A row of a data loader that gives a bad batch."""
    return Row("dataloader", [parts], error, message, others=others, named="batch" if error is ValueError else "")


STILL, EACH = {"time_var": False}, SF.mse_membrane_loss(time_var_targets=True)
EPOCH = [
    Row("num_steps", 5, ValueError, "num_steps is 5 with time_var=True, .*; leave it out"),
    Row("num_steps", False, ValueError, "num_steps is not given with time_var=False; say", others=STILL),
    Row("num_steps", None, ValueError, "num_steps is not given", others=STILL),
    Row("num_steps", 0, ValueError, "num_steps is 0; it must be at least 1", others=STILL),
    Row("num_steps", -3, ValueError, "num_steps is -3", others=STILL),
    Row("num_steps", 2.5, TypeError, r"num_steps is 2\.5; pass a number of time steps", others=STILL),
    Row("num_steps", True, TypeError, "num_steps is True", others=STILL),
    Row(
        "time_first",
        False,
        ValueError,
        "time_first is False with time_var=False, .*; leave it out",
        others={**STILL, "num_steps": 5},
    ),
    Row("criterion", "ce_rate_loss", TypeError, r"criterion is 'ce_rate_loss'; pass a function such as .*ce_rate"),
    Row("criterion", SF.ce_rate_loss, TypeError, r"criterion is the class ce_rate_loss; pass an instance"),
    Row("criterion", SF.ce_rate_loss(reduction="none"), ValueError, r"criterion returned a loss of shape \(5,\); "),
    Row("criterion", lambda spk, targets: 0.5, TypeError, "criterion returned a float instead of a tensor; "),
    Row("criterion", EACH, ValueError, r"of a batch have shape \(5,\); .*\[7, batch, \.\.\.\], like the data"),
    Row("regularization", 0.1, TypeError, r"regularization is 0\.1; pass a function such as .*l1_rate_sparsity"),
    Row("regularization", lambda spk: spk, ValueError, "regularization returned a loss of shape .*; "),
    Row("regularization", lambda spk: None, TypeError, "regularization returned a NoneType instead of a tensor; "),
    Row("optimizer", "adam", TypeError, "optimizer is 'adam'; pass one made for the net"),
    Row("optimizer", torch.optim.Adam, TypeError, "optimizer is <class .*; pass one made"),
    Row("device", "nowhere", ValueError, "device is 'nowhere'; pass a device of torch"),
    Row("device", None, TypeError, "device is None; pass a torch.device or its name"),
    Row("net", "net", TypeError, "net is a str; pass an nn"),
    Row("dataloader", 3, TypeError, "dataloader is a int; pass a DataLoader"),
    Row("dataloader", [], ValueError, "dataloader gave no batch; ", "dataloader gave no batch"),
    Row("dataloader", iter([]), ValueError, "dataloader gave no batch; an iterator lasts for one epoch"),
    Row("dataloader", [DATA], TypeError, "dataloader gave a Tensor; it must give tensors: pairs"),
    batch(DATA, error=TypeError, message=r"dataloader gave \(Tensor\); it must give tensors: pairs"),
    batch(DATA, [1, 2], error=TypeError, message=r"dataloader gave \(Tensor, list\); it must give"),
    batch(DATA[:0], LABELS, message=r"shape \(0, 5, 3\); it must be \[T, batch, \.\.\.\], not empty"),
    batch(DATA[:, :0], LABELS[:0], message=r"shape \(7, 0, 3\); it must be \[T, batch"),
    batch(torch.ones(3), LABELS, message=r"shape \(3,\); it must be \[T, batch"),
    batch(torch.ones(3), LABELS, message=r"shape \(3,\); it must be \[batch, T", time_first=False),
    batch(torch.ones(0, 3), LABELS, message=r"shape \(0, 3\); it must be \[batch, \.\.\.\]", num_steps=3, **STILL),
    batch(torch.tensor(1.0), LABELS, message=r"shape \(\); it must be \[batch, \.\.\.\]", num_steps=3, **STILL),
    batch(torch.tensor(1.0), LABELS, message=r"shape \(\); it must be \[T, batch, \.\.\.\], not empty"),
    batch(DATA, torch.zeros(14, 5).long(), message=r"shape \(14, 5\); .*\[7, batch", criterion=EACH),
    *[
        Row("dataloader", [(DATA, LABELS, torch.tensor(lengths))], error, message, named="lengths")
        for lengths, error, message in (
            (
                [1, 2],
                ValueError,
                r"lengths has shape \(2,\); data of shape \(7, 5, 3\) needs one length per sample, \[5\]",
            ),
            ([1, 2, 0, 3, 4], ValueError, r"lengths contains 0; with 7 steps, a length must be in \[1, 7\]"),
            ([1, 2, 8, 3, 4], ValueError, "lengths contains 8; "),
            ([1.0, 2.0, 3.0, 4.0, 5.0], TypeError, r"lengths has dtype torch\.float32; .*lengths\.long"),
        )
    ],
    Row(
        "criterion",
        torch.nn.functional.cross_entropy,
        TypeError,
        "criterion is cross_entropy, which takes no lengths, but the batches have them; ",
        others={"dataloader": [(DATA, LABELS, LABELS + 1)]},
    ),
    Row("dataloader", [(DATA, LABELS[:3])], ValueError, r"targets has shape \(3,\); .*\[5\]", named="targets"),
]
STRETCH = [
    Row("K", 0, ValueError, "K is 0; it must be at least 1"),
    Row("K", 2.0, TypeError, r"K is 2\.0; pass a number of time steps"),
    Row("K", False, TypeError, "K is False; pass"),
    Row("K", 9, ValueError, "K is 9 with num_steps=5; ", others={**STILL, "num_steps": 5}),
]


def net(value, error, message, named, **others):
    """A row of a net with a part that does not fit."""
    return Row("net", value, error, message, named=named, others=others)


MEMBRANE = SF.mse_membrane_loss()
OUTPUTS = [
    net(
        build(output=False), ValueError, "takes the membrane.*; .*output=True", "mse_membrane_loss", criterion=MEMBRANE
    ),
    net(build(init_hidden=False), ValueError, r"'1' \(Leaky\) has init_hidden=False .*; build", "init_hidden"),
    net(build(snn.DeltaLeaky), TypeError, "takes mem_out, but the net returns a tuple", "net", criterion=MEMBRANE),
]
ONLY_ONE = r"one spiking layer; TBPTT\(\.\.\., K=1\)"
NOT_AFTER = "is not a spiking neuron right after an nn.Linear; "
ONLINE = [
    net(nn.Sequential(*build(), *build()), ValueError, f"net has 2 layers with a state; .* {ONLY_ONE}", "net"),
    net(nn.Sequential(nn.Linear(3, C)), ValueError, "net has 0 layers with a state", "net"),
    net(nn.Sequential(), ValueError, "net is a Sequential", "net"),
    net(Own(), ValueError, r"net is a Own; it must be an nn\.Sequential", "net"),
    net(nn.Sequential(snn.Leaky(**LIF)), ValueError, rf"'0' \(Leaky\) {NOT_AFTER}", "Leaky"),
    net(nn.Sequential(nn.Conv1d(1, 2, 3), snn.Leaky(**LIF)), ValueError, rf"'1' \(Leaky\) {NOT_AFTER}", "Leaky"),
    net(
        nn.Sequential(nn.Linear(3, C), nn.ReLU(), snn.Leaky(**LIF)), ValueError, rf"'2' \(Leaky\) {NOT_AFTER}", "Leaky"
    ),
    net(
        nn.Sequential(nn.Linear(3, C), snn.LeakyParallel(C, C)),
        ValueError,
        rf"'1' \(LeakyParallel\) {NOT_AFTER}",
        "LeakyParallel",
    ),
    net(nn.Sequential(Own()), ValueError, rf"'0' \(Own\) {NOT_AFTER}", "Own"),
    net(
        nn.Sequential(nn.Linear(3, 3), nn.Linear(3, C), snn.Leaky(**LIF)),
        ValueError,
        r"'0' \(Linear\) learns below the spiking layer, .*requires_grad_\(False\)",
        "Linear",
    ),
    net(
        nn.Sequential(nn.Linear(3, C), snn.RLeaky(linear_features=C, **LIF)),
        ValueError,
        "RLeaky receive each other's spikes, ",
        "RLeaky",
    ),
]
CASES = {
    "BPTT": Case((backprop.BPTT,), unchanged_if_refused(backprop.BPTT), arguments, [*EPOCH, *OUTPUTS]),
    "TBPTT": Case((backprop.TBPTT,), unchanged_if_refused(backprop.TBPTT), arguments, [*EPOCH, *OUTPUTS, *STRETCH]),
    "RTRL": Case((backprop.RTRL,), unchanged_if_refused(backprop.RTRL), arguments, [*EPOCH, *ONLINE]),
}
