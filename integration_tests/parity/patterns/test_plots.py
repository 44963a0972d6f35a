"""Figures of a run as programs draw them: a raster, traces with spikes, counts, and frames."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from typing import Any

import matplotlib
import pytest

matplotlib.use("agg")

import matplotlib.pyplot as plt
import torch

from .both import same, some_fire

STEPS = 12


@pytest.fixture(autouse=True)
def plots() -> Iterator[None]:
    """The peer's module imports pandas and declares no such dependency, which these figures do not use."""
    with pytest.MonkeyPatch.context() as patch, matplotlib.rc_context({"figure.dpi": 20}):
        patch.setitem(sys.modules, "pandas", types.ModuleType("pandas"))
        importlib.import_module("snntorch.spikeplot")
        yield
        plt.close("all")


def test_a_raster_of_a_layer_below_its_input() -> None:
    def program(snn: Any) -> dict[str, Any]:
        spikes = snn.spikegen.rate(torch.rand(6, 5), num_steps=STEPS)
        neuron, mem, record = snn.Leaky(beta=0.9), torch.zeros(6, 5), []
        for x in spikes:
            spk, mem = neuron(0.6 * x, mem)
            record.append(spk)
        spk = some_fire(torch.stack(record))
        figure, axes = plt.subplots(2, facecolor="w", figsize=(4, 4), sharex=True)
        for ax, data in zip(axes, (spikes, spk), strict=True):
            snn.spikeplot.raster(data.reshape(STEPS, -1), ax, s=1.5, c="black")
        axes[1].set_xlim([0, STEPS])
        figure.canvas.draw()
        marks = [torch.as_tensor(ax.collections[0].get_offsets().data) for ax in axes]
        return {"spk": spk, "input": marks[0], "output": marks[1], "limits": list(axes[1].get_xlim())}

    same(program)


def test_traces_of_membranes_with_spikes_on_top() -> None:
    def program(snn: Any) -> dict[str, Any]:
        neuron, mem, spikes, membranes = snn.Leaky(beta=0.8), torch.zeros(4), [], []
        for x in torch.rand(STEPS, 4):
            spk, mem = neuron(x, mem)
            spikes.append(spk)
            membranes.append(mem)
        plt.figure(figsize=(4, 4))
        snn.spikeplot.traces(torch.stack(membranes), spk=torch.stack(spikes), dim=(2, 2), spk_height=3)
        return {"lines": [torch.as_tensor(ax.lines[0].get_ydata()) for ax in plt.gcf().axes]}

    same(program)
