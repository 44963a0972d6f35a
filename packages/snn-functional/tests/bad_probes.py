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
    Row("net", 3, TypeError, r"net must be a torch\.nn\.Module, got int"),
    Row(
        "instance",
        snn.Leaky(0.9),
        TypeError,
        r"instance must be its class, Leaky, or a tuple of classes, .* spike_grad=atan\(alpha=2\.0\)\)",
    ),
    Row(
        "instance",
        "Leaky",
        TypeError,
        r"instance must be a class, such as nn\.Conv2d, or a tuple of classes, got 'Leaky'",
    ),
    Row(
        "instance",
        (nn.Linear, None),
        TypeError,
        r"instance must be a class, such as nn\.Conv2d, or a tuple of classes, got None",
    ),
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
        [*WATCHED, Row(name, 3, TypeError, f"{name} must be a function of one argument, .*, got 3")],
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
        Row(name, -1, ValueError, f"{name} must be at least 0, got -1"),
        Row(name, 1.5, TypeError, rf"{name} must be a number of operations, an int, got 1\.5"),
        Row(name, True, TypeError, f"{name} must be a number of operations, an int, got True"),
    ]


def energy(name):
    """Rows of an energy."""
    return [
        Row(name, -1, ValueError, f"{name} must be at least 0, in joules, got -1"),
        Row(name, math.nan, ValueError, f"{name} must be finite, got nan"),
        Row(name, math.inf, ValueError, f"{name} must be finite, got inf"),
        Row(name, "1 pJ", TypeError, f"{name} must be an energy in joules, got '1 pJ'"),
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
            Row(
                "function_on_attribute",
                3,
                TypeError,
                r"function_on_attribute must be a function of one argument, such as .* x: x\.mean\(\), got 3",
            ),
            Row("attribute_name", 3, TypeError, "attribute_name must be a str, such as 'mem', got 3"),
            Row(
                "attribute_name",
                "syn",
                AttributeError,
                r"attribute_name is 'syn', which the layer '1' \(Leaky\) does not have; its states are mem",
            ),
            Row(
                "pre_forward",
                "after",
                TypeError,
                "pre_forward must be True to record before a call, False to record after it, got 'after'",
            ),
        ],
    ),
    "unpack_len1_tuple": Case((), probe.unpack_len1_tuple, lambda: {"x": (3,)}),  # which takes anything
    "BaseMonitor": Case(
        (probe.BaseMonitor, probe.BaseMonitor.__getitem__),
        record_of,
        lambda: {"key": "1"},
        [
            *WATCHED,
            Row("key", "lif", KeyError, r"'lif' is not monitored\. Fix: use one of '1', '3'", named="lif"),
            Row(
                "key",
                1.5,
                TypeError,
                r"key must be the number of a .* a layer, got 1\.5\. Fix: slice the list monitor\.records",
                named="record",
            ),
        ],
    ),
    "SynopsMonitor": Case(
        (statistics.SynopsMonitor,),
        operations,
        lambda: {"net": nn.Linear(3, 2), "x": torch.ones(1, 3)},
        [
            WATCHED[0],
            NO_LAYER,
            Row(
                "x",
                NAN[0],
                ValueError,
                r"the input of the layer '' contains NaN, .* the absence of one\. Fix: look for its source",
                named="input",
            ),
        ],
    ),
    "synops": Case(
        (statistics.synops,),
        statistics.synops,
        lambda: {"net": nn.Linear(3, 2), "xs": torch.ones(1, 1, 3)},
        [
            WATCHED[0],
            NO_LAYER,
            Row("xs", [1.0], TypeError, r"xs must be a torch\.Tensor, got list\. Fix: pass torch\.stack\(steps\)"),
            Row(
                "xs",
                torch.ones(0, 1, 3),
                ValueError,
                r"xs must have shape \[num_steps, batch, \.\.\.\] with at least one step, got \(0, 1, 3\)",
            ),
            Row("lengths", [2], ValueError, r"lengths contains 2; with 1 steps, a length must be in \[0, 1\]"),
            Row("lengths", [1, 1], ValueError, r"lengths has shape \(2,\); .* takes one per sample, \[1\]"),
            Row("lengths", [1.0], TypeError, r"lengths is torch\.float32; .* integers: pass lengths\.long"),
            Row(
                "xs",
                NAN,
                ValueError,
                r"the input of the layer '' contains NaN, .* the absence of one\. Fix: look for its source",
                named="input",
            ),
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
            Row("layers", [3], TypeError, r"layers must be a dict of SynapticOperations by layer name, got \[3\]"),
            Row(
                "layers",
                {"0": 3},
                TypeError,
                r"layers must be a dict of SynapticOperations by layer name, got \{'0': 3\}",
            ),
            Row(
                "layers",
                {0: statistics.SynapticOperations()},
                TypeError,
                r"layers must be a dict of SynapticOperations by layer name, got \{0: .* macs=0, dense=0\)\}",
            ),
            Row("uncounted", "1", TypeError, "uncounted must be a tuple of names, got '1'"),
            Row("uncounted", (1,), TypeError, r"uncounted must be a tuple of names, got \(1,\)"),
        ],
    ),
    "synops_energy": Case(
        (statistics.synops_energy,),
        statistics.synops_energy,
        lambda: {"operations": statistics.SynapticOperations(1), "cost": statistics.HOROWITZ_45NM},
        [
            Row("operations", 3, TypeError, r"operations must be what snn_functional\.synops returns, got int"),
            Row("cost", "45nm", TypeError, "cost must be a CostModel, such as HOROWITZ_45NM, got str"),
        ],
    ),
    "CostModel": Case(
        (statistics.CostModel,),
        statistics.CostModel,
        lambda: {"name": "by hand", "ac": 1, "mac": 3},
        [
            Row("name", 3, TypeError, "name must be a str that says where the numbers are from, got 3"),
            *energy("ac"),
            *energy("mac"),
            *(row._replace(others={"int8_mac": 1}) for row in energy("int8_ac")),
            *(row._replace(others={"int8_ac": 1}) for row in energy("int8_mac")),
            Row(
                "int8_ac",
                None,
                ValueError,
                r"int8_ac is None\. Fix: pass both int8_ac and int8_mac, or neither",
                others={"int8_mac": 1},
            ),
            Row(
                "int8_mac",
                None,
                ValueError,
                r"int8_mac is None\. Fix: pass both int8_ac and int8_mac, or neither",
                others={"int8_ac": 1},
            ),
            Row("memories", 3, TypeError, r"memories must be a tuple of pairs \(bytes, joules\), got 3"),
            Row(
                "memories",
                ((1, 2, 3),),
                TypeError,
                r"memories must be a tuple of pairs \(bytes, joules\), got \(\(1, 2, 3\),\)",
            ),
            Row(
                "memories", (("1", 2),), TypeError, "the bytes of memories must be a number, got '1'", named="memories"
            ),
            Row(
                "memories",
                ((math.inf, -1),),
                ValueError,
                "the energies of memories must be at least 0, in joules, got -1",
            ),
            Row(
                "memories",
                ((64, 1),),
                ValueError,
                r"the bytes of memories must grow, up to inf in the last one, got \(\(64, 1\),\)",
            ),
            Row(
                "memories",
                ((64, 1), (8, 1), (math.inf, 2)),
                ValueError,
                r"the bytes of memories must grow, up to inf in the last one, got .* \(8, 1\), \(inf, 2\)\)",
            ),
        ],
    ),
}
