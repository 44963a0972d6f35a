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
    Row(
        "data",
        [1.0],
        TypeError,
        r"data must be a tensor .* and labels, got list\. Fix: pass next\(iter\(loader\)\), or",
    ),
    Row(
        "data",
        torch.zeros(5, 4).long(),
        TypeError,
        r"data must be floating-point numbers, like those that the net .* on, got dtype torch\.int64",
    ),
    Row(
        "data",
        torch.zeros(5),
        ValueError,
        r"data must have shape \[samples, \.\.\.\], with no axis of size 0, got \(5,\)",
    ),
    Row(
        "data",
        torch.zeros(0, 4),
        ValueError,
        r"data must have shape \[samples, \.\.\.\], with no axis of size 0, got \(0, 4\)",
    ),
    Row(
        "data",
        torch.full((5, 4), math.nan),
        ValueError,
        r"data contains NaN or infinity\. Fix: leave those samples out",
    ),
    Row("data", torch.rand(5, 3), ValueError, r"that cannot take data, \[3\] of torch.float32: "),
    Row("data", X.double(), ValueError, r"that cannot take data, \[4\] of torch.float64: "),
    Row("data", (X, [0, 1, 2, 0, 1]), TypeError, r"the labels of data must be an integer tensor \[samples\], got list"),
    Row(
        "data",
        (X, LABELS.float()),
        TypeError,
        r"the labels of data must be integers, got dtype torch\.float32\. Fix: pass labels\.long\(\)",
    ),
    Row("data", (X, LABELS[:4]), ValueError, r"the labels of data must have shape \(5,\) for 5 samples, got \(4,\)"),
]
UNKNOWN = relu_net(nn.GELU(), nn.LayerNorm(4), nn.Linear(4, 3))
NETS = [
    Row("net", 3, TypeError, r"net must be a torch\.nn\.Module, got int"),
    Row(
        "net",
        Uncopied(),
        TypeError,
        r"net is a Uncopied that copy\.deepcopy cannot copy, and .* runs a copy of it: it is one of a kind",
    ),
    Row("net", UNKNOWN, ValueError, r"with '2' \(GELU\), '3' \(LayerNorm\), which .* does not know; it knows L"),
    Row("net", relu_net(snn.Leaky(0.9, init_hidden=True)), ValueError, r"with '2' \(Leaky\), which"),
    Row("net", untracked(), ValueError, r"with '3' \(BatchNorm1d without running statistics\)"),
    Row("net", Two(), ValueError, "net must have one input, got a Two whose forward takes several"),
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
    Row(
        "net",
        Own(lambda self, x: (self.relu(x), x)),
        ValueError,
        r"net must return one tensor \[samples, \.\.\.\], got a tuple for one sample",
    ),
    Row(
        "net",
        Own(lambda self, x: self.relu(x).flatten()),
        ValueError,
        r"net must return one tensor \[samples, \.\.\.\], got a tensor \[4\] for one sample",
    ),
]
ACTIVATIONS = [
    Row(
        "net",
        nn.Sequential(nn.Linear(4, 3)),
        ValueError,
        r"net must contain an nn\.ReLU to .* got Sequential without one",
    ),
    Row(
        "net",
        spoiled(),
        ValueError,
        r"the input of '3' in net contains NaN or infinity\. Fix: look at the weights before it",
    ),
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
                r"the labels of data must be in \[0, 2\], the classes of net, got 1 to 3",
            ),
            Row(
                "data",
                (X[:, None], LABELS),
                ValueError,
                r"net must return one number per class, as .* 3\) for a sample\. Fix: pass the samples alone",
            ),
            Row("method", 3, TypeError, "method must be one of 'percentile', 'max', 'qcfs', got 3"),
            Row("method", "mean", ValueError, "method must be one of 'percentile', 'max', 'qcfs', got 'mean'"),
            Row("percentile", "99", TypeError, "percentile must be a number, got '99'"),
            Row("percentile", 0, ValueError, r"percentile must be in \(0, 100\], got 0\.0"),
            Row("percentile", 100.5, ValueError, r"percentile must be in \(0, 100\], got 100\.5"),
            Row(
                "percentile",
                10,
                ValueError,
                r"net has an activation whose threshold .* in data are 0\. Fix: pass a higher percentile, or",
            ),
            Row(
                "percentile",
                99,
                ValueError,
                r"percentile is 99 with method='max'\. Fix: pass method='percentile', or leave out percentile",
                others={"method": "max"},
            ),
            Row("num_steps", 0, ValueError, "num_steps must be at least 1, got 0"),
            Row("num_steps", 8.0, TypeError, r"num_steps must be an int, or several, got 8\.0"),
            Row(
                "num_steps",
                (),
                ValueError,
                r"num_steps must be an int or several, the numbers of steps after which to compare, got \(\)",
            ),
            Row("num_steps", (8, True), TypeError, r"each of num_steps=\(8, True\) must be an int, got True"),
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
            Row("levels", 0, ValueError, "levels must be at least 1, got 0"),
            Row("levels", 2.5, TypeError, r"levels must be the number of levels above 0, got 2\.5"),
            Row("threshold", "1", TypeError, "threshold must be a number, got '1'"),
            Row("threshold", 0.0, ValueError, r"threshold must be greater than 0, got 0\.0"),
            Row("threshold", math.inf, ValueError, "threshold must be finite, got inf"),
        ],
    ),
}
