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
    Row(
        "num_steps",
        5,
        ValueError,
        r"num_steps is 5 with time_var=True, where .* own number of steps\. Fix: leave it out, or pass",
    ),
    Row(
        "num_steps",
        False,
        ValueError,
        r"num_steps is not given with time_var=False\. Fix: say for how many steps to show the data",
        others=STILL,
    ),
    Row("num_steps", None, ValueError, "num_steps is not given", others=STILL),
    Row("num_steps", 0, ValueError, "num_steps must be at least 1, got 0", others=STILL),
    Row("num_steps", -3, ValueError, "num_steps must be at least 1, got -3", others=STILL),
    Row(
        "num_steps", 2.5, TypeError, r"num_steps must be a number of time steps, a positive int, got 2\.5", others=STILL
    ),
    Row(
        "num_steps", True, TypeError, "num_steps must be a number of time steps, a positive int, got True", others=STILL
    ),
    Row(
        "time_first",
        False,
        ValueError,
        r"time_first is False with time_var=False, where the data has no time axis\. Fix: leave it out",
        others={**STILL, "num_steps": 5},
    ),
    Row(
        "criterion",
        "ce_rate_loss",
        TypeError,
        r"criterion must be a function such as functional\.ce_rate_loss\(\), got 'ce_rate_loss'",
    ),
    Row(
        "criterion",
        SF.ce_rate_loss,
        TypeError,
        r"criterion is the class ce_rate_loss\. Fix: pass an instance, ce_rate_loss\(\)",
    ),
    Row(
        "criterion",
        SF.ce_rate_loss(reduction="none"),
        ValueError,
        r"criterion must return a scalar, as with reduction='mean', got shape \(5,\)",
    ),
    Row(
        "criterion",
        lambda spk, targets: 0.5,
        TypeError,
        "criterion must return a scalar, got float instead of a tensor",
    ),
    Row(
        "criterion",
        EACH,
        ValueError,
        r"the targets of a batch must have shape \[7, batch, .* time_var_targets=True, got \(5,\)",
    ),
    Row(
        "regularization",
        0.1,
        TypeError,
        r"regularization must be a function such as functional\.l1_rate_sparsity\(\), got 0\.1",
    ),
    Row("regularization", lambda spk: spk, ValueError, r"regularization must return a scalar, as with .* 5, 4\)"),
    Row(
        "regularization",
        lambda spk: None,
        TypeError,
        "regularization must return a scalar, got NoneType instead of a tensor",
    ),
    Row("optimizer", "adam", TypeError, "optimizer must be one made for the net, such as .* got 'adam'"),
    Row(
        "optimizer",
        torch.optim.Adam,
        TypeError,
        r"optimizer must be one made for the net, such as .* <class 'torch\.optim\.adam\.Adam'>",
    ),
    Row("device", "nowhere", ValueError, "device must be a device of torch, such as 'cpu' or 'cuda:0', got 'nowhere'"),
    Row("device", None, TypeError, r"device must be a torch\.device or its name, such as 'cpu', got None"),
    Row("net", "net", TypeError, r"net must be an (nn\.Module|nn\.Sequential), got str"),
    Row("dataloader", 3, TypeError, "dataloader must be a DataLoader, or any iterable of batches, got int"),
    Row(
        "dataloader",
        [],
        ValueError,
        r"dataloader must give at least one batch, got none\. Fix: pass a DataLoader: an iterator",
        "dataloader must give",
    ),
    Row(
        "dataloader",
        iter([]),
        ValueError,
        r"dataloader must give at least one batch, got none\. Fix: pass a DataLoader: an iterator",
    ),
    Row(
        "dataloader",
        [DATA],
        TypeError,
        "dataloader must give tensors: pairs of data and targets, or .* the samples, got Tensor",
    ),
    batch(
        DATA,
        error=TypeError,
        message=r"dataloader must give tensors: pairs of data and targets, or .* the samples, got \(Tensor\)",
    ),
    batch(
        DATA,
        [1, 2],
        error=TypeError,
        message=r"dataloader must give tensors: pairs of data and targets, or .* samples, got \(Tensor, list\)",
    ),
    batch(
        DATA[:0],
        LABELS,
        message=r"the data of a batch must have shape \[T, batch, \.\.\.\], not empty, got \(0, 5, 3\)",
    ),
    batch(
        DATA[:, :0],
        LABELS[:0],
        message=r"the data of a batch must have shape \[T, batch, \.\.\.\], not empty, got \(7, 0, 3\)",
    ),
    batch(
        torch.ones(3),
        LABELS,
        message=r"the data of a batch must have shape \[T, batch, \.\.\.\], not empty, got \(3,\)",
    ),
    batch(
        torch.ones(3),
        LABELS,
        message=r"the data of a batch must have shape \[batch, T, \.\.\.\], not empty, got \(3,\)",
        time_first=False,
    ),
    batch(
        torch.ones(0, 3),
        LABELS,
        message=r"the data of a batch must have shape \[batch, \.\.\.\], not empty, got \(0, 3\)",
        num_steps=3,
        **STILL,
    ),
    batch(
        torch.tensor(1.0),
        LABELS,
        message=r"the data of a batch must have shape \[batch, \.\.\.\], not empty, got \(\)",
        num_steps=3,
        **STILL,
    ),
    batch(
        torch.tensor(1.0),
        LABELS,
        message=r"the data of a batch must have shape \[T, batch, \.\.\.\], not empty, got \(\)",
    ),
    batch(
        DATA,
        torch.zeros(14, 5).long(),
        message=r"the targets of a batch must have shape \[7, batch, .* time_var_targets=True, got \(14, 5\)",
        criterion=EACH,
    ),
    *[
        Row("dataloader", [(DATA, LABELS, torch.tensor(lengths))], error, message, named="lengths")
        for lengths, error, message in (
            (
                [1, 2],
                ValueError,
                r"lengths must have one length per sample, \[5\], for data of shape \(7, 5, 3\), got \(2,\)",
            ),
            ([1, 2, 0, 3, 4], ValueError, r"lengths must be in \[1, 7\] with 7 steps, got 0"),
            ([1, 2, 8, 3, 4], ValueError, r"lengths must be in \[1, 7\] with 7 steps, got 8"),
            (
                [1.0, 2.0, 3.0, 4.0, 5.0],
                TypeError,
                r"lengths must be integers, got dtype torch\.float32\. Fix: pass lengths\.long\(\)",
            ),
        )
    ],
    Row(
        "criterion",
        torch.nn.functional.cross_entropy,
        TypeError,
        r"criterion is cross_entropy, .* batches have them\. Fix: pass one of snn_functional, or a",
        others={"dataloader": [(DATA, LABELS, LABELS + 1)]},
    ),
    Row(
        "dataloader",
        [(DATA, LABELS[:3])],
        ValueError,
        r"targets must have one label per sample, \[5\], .* 5, 4\), got \(3,\)",
        named="targets",
    ),
]
STRETCH = [
    Row("K", 0, ValueError, "K must be at least 1, got 0"),
    Row("K", 2.0, TypeError, r"K must be a number of time steps, a positive int, got 2\.0"),
    Row("K", False, TypeError, "K must be a number of time steps, a positive int, got False"),
    Row(
        "K",
        9,
        ValueError,
        "K must be at most num_steps=5, as a segment has no more steps, got 9",
        others={**STILL, "num_steps": 5},
    ),
]


def net(value, error, message, named, **others):
    """A row of a net with a part that does not fit."""
    return Row("net", value, error, message, named=named, others=others)


MEMBRANE = SF.mse_membrane_loss()
OUTPUTS = [
    net(
        build(output=False),
        ValueError,
        r"mse_membrane_loss takes the membrane, but the net returns only spikes\. Fix: end it with",
        "mse_membrane_loss",
        criterion=MEMBRANE,
    ),
    net(build(init_hidden=False), ValueError, r"'1' \(Leaky\) has init_hidden=False .*; build", "init_hidden"),
    net(
        build(snn.DeltaLeaky),
        TypeError,
        "net must return spikes, or a tuple of spikes and states, the .* takes mem_out, got tuple",
        "net",
        criterion=MEMBRANE,
    ),
]
ONLY_ONE = r"\. Fix: use TBPTT\(\.\.\., K=1\)"
NOT_AFTER = r"is not a spiking neuron right after an nn\.Linear\. Fix: use TBPTT\(\.\.\., K=1\)"
ONLINE = [
    net(nn.Sequential(*build(), *build()), ValueError, f"net must be .*, got 2 layers with a state{ONLY_ONE}", "net"),
    net(
        nn.Sequential(nn.Linear(3, C)),
        ValueError,
        r"net must be an nn\.Sequential .* layers with a state\. Fix: use TBPTT\(\.\.\., K=1\), which",
        "net",
    ),
    net(
        nn.Sequential(),
        ValueError,
        r"net must be an .* layer, got Sequential\. Fix: use TBPTT\(\.\.\., K=1\), which",
        "net",
    ),
    net(
        Own(),
        ValueError,
        r"net must be an nn\.Sequential with .* layer, got Own\. Fix: use TBPTT\(\.\.\., K=1\), which",
        "net",
    ),
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
        r"'0' \(Linear\) is trainable but comes before .* has no exact gradient\. Fix: freeze it with",
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
