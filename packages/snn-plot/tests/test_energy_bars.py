"""energy_bars: a group of bars a layer, a bar a network, in joules with the prefix that fits."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from matplotlib.colors import to_hex

from snn_plot import energy_bars
from snn_plot.palette import DISTINCT

ACCOUNT = {
    "ordinary": {"float32": 9e-9, "int8": 1e-10},
    "layers": [
        {
            "name": "0",
            "kind": "Linear",
            "energy": {"synapses": 2e-9, "biases": 5e-10},
            "ordinary": {"float32": {"synapses": 8e-9, "biases": 0.0}, "int8": {"synapses": 1e-10}},
        },
        {
            "name": "",
            "kind": "Leaky",
            "energy": {"updates": 4e-9},
            "ordinary": {"float32": {"updates": 1e-9}, "int8": {"updates": 0.0}},
        },
    ],
    "uncounted": [],
}


def heights(ax):
    return [[float(bar.get_height()) for bar in bars] for bars in ax.containers]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("account", [ACCOUNT, SimpleNamespace(to_dict=lambda: ACCOUNT)])
def test_bars_are_the_sums_of_each_layer_and_network(account, ax):
    assert energy_bars(account, ax=ax) is ax
    assert heights(ax) == [pytest.approx([2.5, 4.0]), pytest.approx([8.0, 1.0]), pytest.approx([0.1, 0.0])]
    assert legend(ax) == ["spiking, 6.5 nJ", "ordinary float32, 9 nJ", "ordinary int8, 0.1 nJ"]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["0 Linear", "Leaky"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Layer", "Energy of a sample (nJ)")


def test_bars_of_a_layer_stand_side_by_side_about_its_tick(ax):
    energy_bars(ACCOUNT, ax=ax)
    edges = [[(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars] for bars in ax.containers]
    for layer in range(2):
        (first, a), (b, c), (d, last) = (bars[layer] for bars in edges)
        assert (a, c) == pytest.approx((b, d))
        assert (first + last) / 2 == pytest.approx(layer)
        assert last - first == pytest.approx(0.8)


def test_networks_have_the_colors_that_stay_apart(ax):
    energy_bars(ACCOUNT, ax=ax)
    assert [to_hex(bars[0].get_facecolor()).upper() for bars in ax.containers] == list(DISTINCT[:3])


@pytest.mark.parametrize(
    ("largest", "height", "unit"),
    [(3.0, 3, "J"), (999.0, 999, "J"), (1e-3, 1, "mJ"), (2e-6, 2, "µJ"), (5e-10, 500, "pJ"), (2e-18, 0.002, "fJ")],
)
def test_the_unit_fits_the_largest_bar(largest, height, unit, ax):
    energy_bars({"a": [largest, 0.0]}, ax=ax)
    assert heights(ax)[0] == pytest.approx([height, 0.0])
    assert ax.get_ylabel() == f"Energy of a sample ({unit})"


def test_energies_of_0_are_drawn_in_joules(ax):
    energy_bars({"a": torch.zeros(3)}, ax=ax)
    assert heights(ax) == [[0.0] * 3]
    assert ax.get_ylabel() == "Energy of a sample (J)"


def test_layers_that_are_not_counted_are_named_below(ax):
    energy_bars(ACCOUNT | {"uncounted": ["lstm", ""]}, ax=ax)
    assert ax.get_xlabel() == "Layer (not counted: lstm, the net)"


def test_labels_and_artist_are_the_users(ax):
    energy_bars(ACCOUNT, ax=ax, labels=["in", "out"], color="#000000", width=0.1)
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["in", "out"]
    assert {to_hex(bar.get_facecolor()) for bars in ax.containers for bar in bars} == {"#000000"}
    assert ax.containers[0][0].get_width() == pytest.approx(0.1)


def test_many_names_are_slanted(ax):
    energy_bars({"a": torch.ones(30)}, ax=ax, labels=[f"layer {i}" for i in range(30)])
    assert {tick.get_rotation() for tick in ax.get_xticklabels()} == {30.0}


@pytest.mark.parametrize(
    ("account", "error", "message"),
    [
        ({}, ValueError, "account must have the energies of at least one network, got none"),
        (
            {"a": [1.0, 2.0], "b": [1.0]},
            ValueError,
            r"account must have networks with the same number of layers, got {'a': 2, 'b': 1}",
        ),
        ({"a": [1.0, -2e-9]}, ValueError, r"account\['a'\] must be 0 J or more, got -2e-09"),
        ([1.0], TypeError, r"account must be what snn.energy returns, or energies by network, got \[1.0\]"),
        (None, TypeError, "energies by network, got None"),
    ],
)
def test_a_value_that_is_not_an_account_is_refused(account, error, message, ax):
    with pytest.raises(error, match=message):
        energy_bars(account, ax=ax)
    assert not ax.has_data()
