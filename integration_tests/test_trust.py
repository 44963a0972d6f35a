"""The page of what is known of every neuron: of all neurons, with nothing that fails, and as a run finds it."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, NamedTuple

import pytest
from torch import Tensor

import snn_core as snn
from trust import equations, machinery, smooth
from trust.neurons import EVERY, Neuron, every, public_neurons, zoo
from trust.page import COLUMNS
from workspace import ROOT

pytestmark = pytest.mark.needs("snn-core")


def page_verdicts() -> dict[str, dict[str, str]]:
    """The cells of the page by neuron and title."""
    verdicts: dict[str, dict[str, str]] = {}
    text = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines())
        for name, *cells in rows:
            verdicts.setdefault(name, {}).update(zip(head[1:], cells, strict=True))
    return verdicts


every_neuron = pytest.mark.parametrize("neuron", EVERY, ids=lambda n: n.name)
on_the_page = pytest.mark.parametrize("neuron", [n for n in EVERY if n.name in page_verdicts()], ids=lambda n: n.name)


def test_every_neuron_of_the_package_is_measured():
    assert {neuron.name for neuron in EVERY} == public_neurons()


def test_the_page_has_every_neuron_and_every_column():
    assert {name: set(cells) for name, cells in page_verdicts().items()} == {
        name: set(COLUMNS) for name in public_neurons()
    }


def test_nothing_on_the_page_fails_or_is_empty():
    assert not [cell for cells in page_verdicts().values() for cell in cells.values() if not cell or "fails" in cell]


@every_neuron
def test_a_membrane_is_the_solution_on_paper(neuron: Neuron):
    difference = equations.closed_form(neuron)
    assert difference is None or difference < 1e-13


@every_neuron
def test_a_time_step_converges_at_first_order(neuron: Neuron):
    order = equations.convergence_order(neuron)
    assert order is None or order == pytest.approx(1, abs=0.05)


@every_neuron
def test_gradients_are_those_of_what_is_computed(neuron: Neuron):
    assert smooth.smooth_gradient(neuron) < 1e-6


@on_the_page
def test_the_page_leaves_unrecorded_cells_empty(neuron: Neuron):
    measured = {"closed form": equations.closed_form(neuron), "order in dt": equations.convergence_order(neuron)}
    assert {title: page_verdicts()[neuron.name][title] == "–" for title in measured} == {
        title: value is None for title, value in measured.items()
    }


@on_the_page
def test_the_page_is_right_about_dtypes(neuron: Neuron):
    assert page_verdicts()[neuron.name]["dtypes"] == COLUMNS["dtypes"](neuron)


@every_neuron
def test_every_dtype_and_mapping_work(neuron: Neuron):
    assert COLUMNS["dtypes"](neuron) == "all four"
    for title in ("vmap", "func.grad"):
        verdict = machinery.VERDICTS[title](neuron)
        assert verdict == "equal" or float(verdict) < 1e-15


class Circuit(snn.SpikingNeuron):
    class State(NamedTuple):
        mem: Tensor

    def __init__(self, tau: float, **options: Any) -> None:
        super().__init__(**options)
        self.constant("tau", tau, learn=True)

    def integrate(self, x: Tensor, state: State) -> State:
        return self.State(state.mem + (x - state.mem) / self.tau)


def test_a_new_neuron_is_measured_by_its_line_in_the_zoo_alone(monkeypatch):
    monkeypatch.setattr(snn, "Circuit", Circuit, raising=False)
    monkeypatch.setattr(snn, "__all__", [*snn.__all__, "Circuit"])
    monkeypatch.setattr(zoo, "NEURONS", [*zoo.NEURONS, zoo.Case("circuit", partial(Circuit, tau=2.0, threshold=0.5))])
    assert {neuron.name for neuron in every()} == public_neurons() == {"Circuit", *(n.name for n in EVERY)}
    (neuron,) = (n for n in every() if n.name == "Circuit")
    elsewhere = ("snnTorch", "ONNX Runtime")  # which are not installed wherever this is run
    cells = {title: measure(neuron) for title, measure in COLUMNS.items() if title not in elsewhere}
    assert cells.pop("kernel")
    assert float(cells.pop("gradient")) < 1e-6
    transformed = dict.fromkeys(machinery.VERDICTS.keys() - elsewhere, "equal")
    assert cells == {"closed form": "–", "order in dt": "–", "dtypes": "all four", **transformed}


def test_a_wrong_gradient_would_be_noticed(monkeypatch):
    right = smooth._smooth
    monkeypatch.setattr(smooth, "_smooth", lambda x: right(x) + (x - x.detach()))
    assert smooth.smooth_gradient(EVERY[0]) > 1e-3
