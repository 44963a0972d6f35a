"""Bad input for a conversion."""

from __future__ import annotations

import math

import torch
from torch import nn

import snn_core as snn
import snn_functional

from .bad_diagnosis import Uncopied
from .refusal import Case, Row


class Own(nn.Module):
    """A net whose forward is given."""

    def __init__(self, run):
        super().__init__()
        self.fc, self.relu, self.scale, self.run = nn.Linear(4, 4), nn.ReLU(), nn.Parameter(torch.ones(4)), run

    def forward(self, x):
        return self.run(self, x)


class Two(nn.Module):
    """A net of two inputs."""

    def forward(self, x, y):
        return (x + y).relu()


def relu_net(*layers):
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU(), *layers)


def spoiled():
    net = relu_net(nn.Linear(4, 3), nn.ReLU())
    net[2].weight.data[0, 0] = math.nan
    return net


def untracked():
    return relu_net(nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.ReLU())


def dead():
    net = relu_net(nn.Linear(4, 3), nn.ReLU())
    net[0].bias.data.fill_(-99)
    net[2].bias.data.fill_(1)
    return net


X, LABELS = torch.rand(5, 4, generator=torch.Generator().manual_seed(0)), torch.arange(5) % 3
DATA = [
    Row("data", [1.0], TypeError, r"data is a list; pass a tensor \[samples, \.\.\.\], or a pair"),
    Row("data", torch.zeros(5, 4).long(), TypeError, "data has dtype torch.int64; pass floating-point numbers"),
    Row(
        "data",
        torch.zeros(5),
        ValueError,
        r"data has shape \(5,\); it must be \[samples, \.\.\.\], with no axis of size 0",
    ),
    Row("data", torch.zeros(0, 4), ValueError, r"data has shape \(0, 4\); it must be"),
    Row("data", torch.full((5, 4), math.nan), ValueError, "data contains NaN or infinity; leave those"),
    Row("data", torch.rand(5, 3), ValueError, r"that cannot take data, \[3\] of torch.float32: "),
    Row("data", X.double(), ValueError, r"that cannot take data, \[4\] of torch.float64: "),
    Row("data", (X, [0, 1, 2, 0, 1]), TypeError, "the labels of data are a list; pass an integer tensor"),
    Row("data", (X, LABELS.float()), TypeError, "the labels of data have dtype torch.float32; pass integers"),
    Row("data", (X, LABELS[:4]), ValueError, r"the labels of data have shape \(4,\); with 5 samples it must be \(5,\)"),
]
UNKNOWN = relu_net(nn.GELU(), nn.LayerNorm(4), nn.Linear(4, 3))
NETS = [
    Row("net", 3, TypeError, r"net is a int; pass a torch\.nn\.Module"),
    Row("net", Uncopied(), TypeError, "net is a Uncopied that copy.deepcopy cannot copy: .*; .* runs a copy"),
    Row("net", UNKNOWN, ValueError, r"with '2' \(GELU\), '3' \(LayerNorm\), which .* does not know; it knows L"),
    Row("net", relu_net(snn.Leaky(0.9, init_hidden=True)), ValueError, r"with '2' \(Leaky\), which"),
    Row("net", untracked(), ValueError, r"with '3' \(BatchNorm1d without running statistics\)"),
    Row("net", Two(), ValueError, "net is a Two whose forward takes more than one argument; pass a net with one input"),
    Row(
        "net",
        Own(lambda self, x: self.relu(self.fc(x).sigmoid() * 2 + torch.exp(x))),
        ValueError,
        "with the function 'sigmoid', the function 'mul', the function 'exp', which",
    ),
    Row(
        "net",
        Own(lambda self, x: self.relu(self.fc(x)) * self.scale),
        ValueError,
        "with the tensor 'scale', the function 'mul', which",
    ),
    Row("net", Own(lambda self, x: self.relu(self.fc(x) + 1)), ValueError, "with the function 'add', which"),
    Row(
        "net",
        Own(lambda self, x: self.relu(x) if x.sum() > 0 else x),
        ValueError,
        "net is a Own whose forward cannot be traced: .* without conditions on values",
    ),
    Row("net", Own(lambda self, x: (self.relu(x), x)), ValueError, "that returns a tuple for one sample; it must"),
    Row("net", Own(lambda self, x: self.relu(x).flatten()), ValueError, r"that returns a tensor \[4\] for one sample"),
]
ACTIVATIONS = [
    Row("net", nn.Sequential(nn.Linear(4, 3)), ValueError, r"net is a Sequential without nn\.ReLU; there is nothing"),
    Row("net", spoiled(), ValueError, "the input of '3' in net contains NaN or infinity; look at"),
    Row("net", dead(), ValueError, "net has an activation whose threshold would be 0, '1': "),
]


def replaced(net, data, levels, threshold):
    snn_functional.QCFS(levels, threshold)
    return snn_functional.QCFS.replace_relu(net, data, levels=levels)


CASES = {
    "from_ann": Case(
        (snn_functional.from_ann,),
        snn_functional.from_ann,
        lambda: {"net": relu_net(nn.Linear(4, 3)), "data": (X, LABELS)},
        [
            *NETS,
            *ACTIVATIONS,
            *DATA,
            Row(
                "data",
                (X, LABELS + 1),
                ValueError,
                "the labels of data range from 1 to 3; net has 3 classes, counted from 0",
            ),
            Row(
                "data",
                (X[:, None], LABELS),
                ValueError,
                r"net gives \(1, 3\) for a sample, but data has labels; return one number per class",
            ),
            Row("method", 3, TypeError, "method is 3; pass 'percentile', 'max', 'qcfs'"),
            Row("method", "mean", ValueError, "method is 'mean'; pass 'percentile', 'max', 'qcfs'"),
            Row("percentile", "99", TypeError, "percentile is '99'; pass a number"),
            Row("percentile", 0, ValueError, r"percentile is 0\.0; it must be in \(0, 100\]"),
            Row("percentile", 100.5, ValueError, r"percentile is 100\.5; it must be in"),
            Row("percentile", 10, ValueError, "10 % of its values in data are 0; pass a higher .*'max'"),
            Row(
                "percentile", 99, ValueError, "percentile is 99 with method='max'; it belongs", others={"method": "max"}
            ),
            Row("num_steps", 0, ValueError, "num_steps is 0; it must be at least 1"),
            Row("num_steps", 8.0, TypeError, r"num_steps is 8\.0; pass an int, or several"),
            Row("num_steps", (), ValueError, r"num_steps is \(\); pass the numbers of steps"),
            Row("num_steps", (8, True), TypeError, r"num_steps is \(8, True\), and one of them is True; pass ints"),
        ],
    ),
    "QCFS": Case(
        (snn_functional.QCFS, snn_functional.QCFS.replace_relu),
        replaced,
        lambda: {"net": relu_net(nn.Linear(4, 3)), "data": (X, LABELS), "levels": 4, "threshold": 1.0},
        [
            *NETS,
            *ACTIVATIONS,
            *DATA,
            Row("levels", 0, ValueError, "levels is 0; it must be at least 1"),
            Row("levels", 2.5, TypeError, r"levels is 2\.5; pass the number of levels above 0"),
            Row("threshold", "1", TypeError, "threshold is '1'; pass a number"),
            Row("threshold", 0.0, ValueError, r"threshold is 0\.0; it must be greater than 0"),
            Row("threshold", math.inf, ValueError, "threshold is inf; it must be finite"),
        ],
    ),
}
