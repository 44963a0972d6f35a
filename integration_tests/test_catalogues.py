"""The catalogs: every public neuron and every data set has its entry, and each entry is one that there is."""

from __future__ import annotations

import inspect
import re

import pytest

import snn_core
import snn_data
from snn_core.neuron.spiking import SpikingNeuron
from snn_core.neuron.whole_sequence import WholeSequence
from workspace import ROOT

pytestmark = pytest.mark.needs("snn-core", "snn-data")
NEURONS = ROOT / "docs" / "neurons.md"
DATASETS = ROOT / "docs" / "datasets.md"


def headings(page: str) -> list[str]:
    return re.findall(r"^### (.*)$", page, re.MULTILINE)


def test_every_neuron_has_an_equation_a_picture_and_a_source():
    page = NEURONS.read_text(encoding="utf-8")
    public = {name: getattr(snn_core, name) for name in snn_core.__all__}
    classes = {
        name
        for name, thing in public.items()
        if inspect.isclass(thing) and issubclass(thing, SpikingNeuron | WholeSequence) and thing is not SpikingNeuron
    }
    # they are added to neurons, and in the table below these
    around = {"Recurrent", "Refractory", "BatchNormOverTime1d", "BatchNormOverTime2d"}
    assert sorted(headings(page)) == sorted(classes - around)
    for section in page.split("\n### ")[1:]:
        assert section.count("$$") >= 2
        assert "draw(" in section
        assert "\nSource: " in section


def test_every_layer_around_neurons_is_in_the_table():
    table = NEURONS.read_text(encoding="utf-8").partition("## Around neurons")[2]
    layers = "Recurrent Refractory AxonalDelay DelayedLinear DelayedConv2d GradedSpikes bounded BatchNormOverTime1d"
    for name in layers.split():
        assert f"`{name}" in table
        assert name in snn_core.__all__


def test_every_data_set_has_an_entry():
    page = DATASETS.read_text(encoding="utf-8")
    named = {re.sub(r"[`()]", "", heading) for heading in headings(page)}
    functions = {name for name in snn_data.__all__ if inspect.isfunction(getattr(snn_data, name))}
    sets = {name for name in functions if "Source: " in (getattr(snn_data, name).__doc__ or "")}
    assert named <= functions
    assert named == {
        name
        for name in sets
        if re.match(r"^(Load|Draw) ", inspect.getdoc(getattr(snn_data, name)) or "") or name == "read_idx"
    }
