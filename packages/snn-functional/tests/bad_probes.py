"""Bad input for monitors, counts of operations and energies."""

from __future__ import annotations

import math

import torch
from torch import nn

import snn_core as snn
from snn_functional import probe, statistics

from .monitored import make_net
from .refusal import Case, Row

WATCHED = [
    Row("net", 3, TypeError, r"net is a int; pass a torch\.nn\.Module"),
    Row("instance", snn.Leaky(0.9), TypeError, "instance is Leaky.*; pass its class, Leaky"),
    Row("instance", "Leaky", TypeError, "instance is 'Leaky'; pass a class"),
    Row("instance", (nn.Linear, None), TypeError, "instance is None; pass a class"),
    Row("instance", nn.Conv2d, ValueError, r"no layer of instance torch.*Conv2d; .*snn_core\.neurons\.leaky\.Leaky"),
    Row("instance", (), ValueError, r"no layer of instance \(\); it has"),
]


def monitor(kind, function):
    """A monitor with a function that is passed its records."""
    name = f"function_on_{function}"
    return Case(
        (kind,),
        kind,
        lambda: {"net": make_net(), "instance": snn.Leaky},
        [*WATCHED, Row(name, 3, TypeError, f"{name} is 3; pass a function of one argument")],
    )


def attributes(**arguments):
    """A monitor of attributes, and a call that it records."""
    watching = probe.AttributeMonitor(**arguments)
    arguments["net"](torch.rand(2, 5))
    return watching.records


def record_of(key, **arguments):
    """A record of a monitor that has one for each layer."""
    watching = probe.BaseMonitor()
    watching.watch(**{"net": make_net(), "instance": snn.Leaky, "attach": lambda name, layer: None, **arguments})
    for name in watching.monitored_layers:
        watching.record(name, name)
    return watching[key]


def operations(**arguments):
    """The operations that a monitor counts in a run."""
    with statistics.SynopsMonitor(arguments["net"]) as watching:
        arguments["net"](arguments["x"])
    return watching.count


NO_LAYER = Row("net", nn.Flatten(), ValueError, r"net has no layer of instance .*Linear or .*Conv1d.*; it has")
NAN = torch.full((1, 1, 3), math.nan)


def number(name):
    """Rows of a number of operations."""
    return [
        Row(name, -1, ValueError, f"{name} is -1; a number of operations must be at least 0"),
        Row(name, 1.5, TypeError, rf"{name} is 1\.5; pass a number of operations, an int"),
        Row(name, True, TypeError, f"{name} is True; pass"),
    ]


def energy(name):
    """Rows of an energy."""
    return [
        Row(name, -1, ValueError, f"{name} is -1; an energy in joules must be at least 0"),
        Row(name, math.nan, ValueError, f"{name} is nan; it must be finite"),
        Row(name, math.inf, ValueError, f"{name} is inf; it must be finite"),
        Row(name, "1 pJ", TypeError, f"{name} is '1 pJ'; pass an energy in joules"),
    ]


CASES = {
    "OutputMonitor": monitor(probe.OutputMonitor, "output"),
    "InputMonitor": monitor(probe.InputMonitor, "input"),
    "GradOutputMonitor": monitor(probe.GradOutputMonitor, "grad_output"),
    "GradInputMonitor": monitor(probe.GradInputMonitor, "grad_input"),
    "AttributeMonitor": Case(
        (probe.AttributeMonitor,),
        attributes,
        lambda: {"attribute_name": "mem", "pre_forward": False, "net": make_net(), "instance": snn.Leaky},
        [
            *WATCHED,
            Row("function_on_attribute", 3, TypeError, "function_on_attribute is 3; pass a function"),
            Row("attribute_name", 3, TypeError, "attribute_name is 3; pass a str, such as 'mem'"),
            Row(
                "attribute_name",
                "syn",
                AttributeError,
                r"attribute_name is 'syn', which the layer '1' \(Leaky\) does not have; its states are mem",
            ),
            Row("pre_forward", "after", TypeError, "pre_forward is 'after'; pass True to record before"),
        ],
    ),
    "unpack_len1_tuple": Case((), probe.unpack_len1_tuple, lambda: {"x": (3,)}),  # which takes anything
    "BaseMonitor": Case(
        (probe.BaseMonitor, probe.BaseMonitor.__getitem__),
        record_of,
        lambda: {"key": "1"},
        [
            *WATCHED,
            Row("key", "lif", KeyError, "'lif' is not monitored; the layers are '1', '3'", named="lif"),
            Row("key", 1.5, TypeError, r"the number of a record or the name of a layer, got 1\.5; ", named="record"),
        ],
    ),
    "SynopsMonitor": Case(
        (statistics.SynopsMonitor,),
        operations,
        lambda: {"net": nn.Linear(3, 2), "x": torch.ones(1, 3)},
        [
            WATCHED[0],
            NO_LAYER,
            Row("x", NAN[0], ValueError, "the input of the layer '' contains NaN, .*; ", named="input"),
        ],
    ),
    "synops": Case(
        (statistics.synops,),
        statistics.synops,
        lambda: {"net": nn.Linear(3, 2), "xs": torch.ones(1, 1, 3)},
        [
            WATCHED[0],
            NO_LAYER,
            Row("xs", [1.0], TypeError, r"xs is a list; pass a torch\.Tensor"),
            Row("xs", torch.ones(0, 1, 3), ValueError, r"xs has shape \(0, 1, 3\); it must be \[num_steps"),
            Row("lengths", [2], ValueError, r"lengths contains 2; with 1 steps, a length must be in \[0, 1\]"),
            Row("lengths", [1, 1], ValueError, r"lengths has shape \(2,\); .* takes one per sample, \[1\]"),
            Row("lengths", [1.0], TypeError, r"lengths is torch\.float32; .* integers: pass lengths\.long"),
            Row("xs", NAN, ValueError, "the input of the layer '' contains NaN, .*; ", named="input"),
        ],
    ),
    "SynapticOperations": Case(
        (statistics.SynapticOperations,),
        statistics.SynapticOperations,
        lambda: {"acs": 1},
        [row for name in ("acs", "macs", "dense") for row in number(name)],
    ),
    "SynopsCount": Case(
        (statistics.SynopsCount,),
        statistics.SynopsCount,
        lambda: {"layers": {"0": statistics.SynapticOperations()}, "uncounted": ("1",)},
        [
            Row("layers", [3], TypeError, r"layers is \[3\]; pass a dict of SynapticOperations by layer name"),
            Row("layers", {"0": 3}, TypeError, r"layers is \{'0': 3\}; "),
            Row("layers", {0: statistics.SynapticOperations()}, TypeError, r"layers is \{0: Synaptic.*; "),
            Row("uncounted", "1", TypeError, "uncounted is '1'; pass a tuple of names"),
            Row("uncounted", (1,), TypeError, r"uncounted is \(1,\); "),
        ],
    ),
    "synops_energy": Case(
        (statistics.synops_energy,),
        statistics.synops_energy,
        lambda: {"operations": statistics.SynapticOperations(1), "cost": statistics.HOROWITZ_45NM},
        [
            Row("operations", 3, TypeError, r"operations is a int; pass what snn_functional\.synops returns"),
            Row("cost", "45nm", TypeError, "cost is a str; pass a CostModel"),
        ],
    ),
    "CostModel": Case(
        (statistics.CostModel,),
        statistics.CostModel,
        lambda: {"name": "by hand", "ac": 1, "mac": 3},
        [
            Row("name", 3, TypeError, "name is 3; pass a str that says where"),
            *energy("ac"),
            *energy("mac"),
            *(row._replace(others={"int8_mac": 1}) for row in energy("int8_ac")),
            *(row._replace(others={"int8_ac": 1}) for row in energy("int8_mac")),
            Row("int8_ac", None, ValueError, "int8_ac is None; pass both", others={"int8_mac": 1}),
            Row("int8_mac", None, ValueError, "int8_mac is None; pass both", others={"int8_ac": 1}),
            Row("memories", 3, TypeError, r"memories is 3; pass a tuple of pairs \(bytes, joules\)"),
            Row("memories", ((1, 2, 3),), TypeError, r"memories is \(\(1, 2, 3\),\); pass a tuple of pairs"),
            Row("memories", (("1", 2),), TypeError, "memories is '1'; pass a number of bytes", named="memories"),
            Row(
                "memories",
                ((math.inf, -1),),
                ValueError,
                "memories contains -1; an energy in joules must be at least 0",
            ),
            Row("memories", ((64, 1),), ValueError, r"memories is \(\(64, 1\),\); their bytes must grow, up to inf"),
            Row("memories", ((64, 1), (8, 1), (math.inf, 2)), ValueError, "memories is .*; their bytes must grow"),
        ],
    ),
}
