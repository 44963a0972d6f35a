"""The checks of a built site, on small ones."""

from __future__ import annotations

import runpy

import site_check
from workspace import ROOT


def test_only_public_names_may_be_shown_with_their_members():
    public = {"snn_core.Leaky", "snn_core.utils.reset"}
    text = "<title>snn_core.a.b</title><p>snn_core.Leaky.step, snn_core<b>.utils</b> and snn_core.utils.hidden</p>"
    assert site_check.internal_names(text, public) == ["snn_core.utils.hidden"]


def test_an_example_prints_what_python_prints():
    assert site_check.internal_names("<pre>snn_core.neuron.spiking.LIF</pre>", []) == []


def test_a_search_that_finds_nothing_is_misplaced():
    lines = site_check.misplaced({"gpu": None, "cuda": "docs/gpu"}, {"docs/gpu": ["gpu", "cuda"]})
    assert lines == ["a search for 'gpu' finds None first, not docs/gpu"]


def test_the_neurons_whose_page_leaves_out_an_argument_are_named(tmp_path):
    import snn_core

    folder = tmp_path / "docs" / "reference"
    folder.mkdir(parents=True)
    names = [name for name in snn_core.__all__ if isinstance(getattr(snn_core, name), type)]
    for name in names:
        text = "".join(f"<strong>{word}</strong>" for word in ("beta", "threshold") if name != "Leaky")
        (folder / f"snn_core.{name}.html").write_text(text, encoding="utf-8")
    lines = {line.split()[3]: line for line in site_check.undescribed(tmp_path)}
    assert lines["Leaky"].startswith("the page of Leaky does not describe beta, threshold, spike_grad, ")
    assert "beta" not in lines["RLeaky"].split()
    assert "State" not in lines


def test_every_word_that_is_to_be_found_first_has_a_page_of_its_own():
    expected = runpy.run_path(str(ROOT / "docs" / "conf.py"))["found_first"]
    words = [word for words in expected.values() for word in words]
    assert len({*words}) == len(words)
    assert [page for page in expected if not (ROOT / f"{page}.md").exists()] == []
    assert {"early stopping", "onnx", "gpu", "mixed precision", "checkpoint"} <= {*words}
