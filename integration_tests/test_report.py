"""The report of the demonstration: one file that needs nothing beside it, with every number of the run in it."""

from __future__ import annotations

import base64
import io
import itertools
import re
from html.parser import HTMLParser

import pytest
import torch
from PIL import Image

from demo_reports import RUNS, run_of
from snn.demo import figures
from snn.demo.recording import LayerRecording, Recording
from snn.demo.report import write_report

VOID = {"meta", "img", "br"}
MOST_BYTES = 3_000_000


class Page(HTMLParser):
    """The elements of a page; each must be closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.images: list[dict[str, str]] = []
        self.loads: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert len(dict(attrs)) == len(attrs)
        assert not any(name.startswith("on") for name, _ in attrs)
        self.loads += [value for name, value in attrs if name in ("src", "srcset", "href", "data", "poster", "action")]
        if tag == "img":
            self.images.append(dict(attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.words.append(data)


@pytest.fixture(scope="module", params=list(RUNS))
def task(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def source(reports, task) -> str:
    return reports[task].read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(source) -> Page:
    return Page(source)


def decoded(image: dict[str, str]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(image["src"].partition(",")[2], validate=True)))


def test_the_page_asks_for_nothing_and_runs_no_script(page, source):
    assert all(link.startswith("data:image/png;base64,") for link in page.loads)
    assert not set(page.tags) & {"script", "link", "iframe", "object", "embed", "base", "form"}
    without_pictures = re.sub(r"base64,[^\"]+", "", source)
    assert not re.search(r"https?:|//[a-z]|@import|url\(|javascript:", without_pictures)


def test_the_page_is_small(source):
    assert len(source.encode()) < MOST_BYTES


def test_every_picture_is_whole_as_large_as_it_says_and_described(page):
    assert len(page.images) >= 10
    for image in page.images:
        picture = decoded(image)
        picture.load()
        assert picture.format == "PNG"
        assert picture.size == (int(image["width"]), int(image["height"]))
        assert len(image["alt"]) > 10
    # one picture, one description: none was copied from its neighbor
    assert len({image["alt"] for image in page.images}) == len(page.images)


@pytest.mark.parametrize("end", ["first", "last"])
def test_there_is_one_film_which_starts_and_ends_as_its_still(page, end):
    films = [image for image in page.images if decoded(image).n_frames > 1]
    assert [image["class"] for image in films] == ["film"]
    (still,) = (image for image in page.images if image.get("class") == "still")
    film = decoded(films[0])
    film.seek(0 if end == "first" else film.n_frames - 1)
    difference = torch.tensor(list(film.convert("L").tobytes())) - torch.tensor(
        list(decoded(still).convert("L").tobytes())
    )
    assert difference.abs().max() <= 2


def test_the_page_has_a_language_a_title_and_headings_in_their_order(page, source, task):
    assert source.startswith('<!doctype html>\n<html lang="en">')
    assert f"snn demo, {task}: " in page.text
    assert page.tags.count("h1") == page.tags.count("main") == 1
    levels = [int(tag[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(deeper <= level + 1 for level, deeper in itertools.pairwise(levels))
    assert 'name="viewport" content="width=device-width' in source


def test_the_numbers_of_the_run_are_in_the_page(page, task):
    result, _ = run_of(task)
    assert f"{100 * result['test_accuracy']:.2f} %" in page.text
    assert f"of {result['samples']['test']:,} test samples answered correctly" in page.text
    assert result["title"] in page.text
    for layer in result["layers"]:
        row = f"{layer['name']} {layer['neurons']:,} {layer['rate']:.4f} {layer['dead']:,} {layer['saturated']:,}"
        assert f"{row} {layer['synops']:,.0f} " in page.text
    for values in (result["settings"], result["versions"], result["manifest"]):
        for name, value in values.items():
            text = " ".join(value) if isinstance(value, list) else str(value)
            assert f"{name.replace('_', ' ')} {text} " in page.text
    assert result["command"] in page.text
    assert "snn demo --verify run.json" in page.text
    assert f"{result['command']} --code" in page.text


def test_the_layers_of_the_network_are_in_the_page_with_parameters_and_constants(page, task):
    _, recording = run_of(task)
    assert all(f"{name} {text} " in page.text for name, text in recording.net.items())
    if task == "digits":
        assert "1 Linear(in_features=64, out_features=10, bias=True); 650 parameters " in page.text
        assert "; beta from 0.5 to 0.9 " in page.text


def test_every_layer_is_shown_by_its_spikes_its_membranes_and_its_rates(page, task):
    _, recording = run_of(task)
    descriptions = [image["alt"] for image in page.images]
    *hidden, output = recording.layers
    for layer in hidden:
        neurons = layer.spk[0].numel()
        assert f"Raster of layer {layer.name}: {int(layer.spk.sum())} spikes of {neurons} neurons" in "\n".join(
            descriptions
        )
    for layer in recording.layers:
        assert (
            sum(text.startswith("Membrane potentials") and f"layer {layer.name} " in text for text in descriptions) == 1
        )
        assert sum(text.startswith("Histogram") and f"layer {layer.name}," in text for text in descriptions) == 1
    maps = [layer.name for layer in hidden if layer.spk.dim() > 2]
    assert sum("maps of" in text for text in descriptions) == len(maps) == (2 if task == "mnist" else 0)


def test_dead_and_saturated_neurons_are_reported_in_words(page, task):
    result, _ = run_of(task)
    for layer in result["layers"]:
        dead = (
            f"{layer['dead']:,} of {layer['neurons']:,} neurons ({100 * layer['dead'] / layer['neurons']:.1f} %) never"
        )
        assert (dead in page.text) == bool(layer["dead"])
    healthy = [layer["name"] for layer in result["layers"] if not layer["dead"] and not layer["saturated"]]
    assert page.text.count("no neuron is dead, and none is saturated") == len(healthy)


@pytest.mark.parametrize(
    ("predicted", "words"),
    [
        (None, "no output neuron fires, so there is no answer"),
        (1, "that is the network's answer"),
        (0, "the network's answer is speaker 1"),
    ],
)
def test_the_answer_is_given_in_words(predicted, words, tmp_path):
    result, recording = run_of("vowels")
    report = write_report(tmp_path, result, recording._replace(target=1, predicted=predicted))
    assert words in Page(report.read_text(encoding="utf-8")).text


def test_text_that_is_not_html_is_escaped(tmp_path):
    result, recording = run_of("digits")
    hostile = '<img src=x onerror="alert(1)"> & "more"'
    result |= {"title": hostile, "settings": {hostile: hostile}, "command": hostile}
    result["layers"][0]["name"] = hostile
    classes = (hostile, *recording.classes[1:])
    report = write_report(tmp_path, result | {"classes": list(classes)}, recording._replace(classes=classes, target=0))
    text = Page(report.read_text(encoding="utf-8")).text
    assert text.count(hostile) >= 5


def test_a_run_of_one_epoch_one_step_and_silent_neurons_has_its_report(tmp_path):
    result, _ = run_of("digits")
    none, full = torch.zeros(1, 10), torch.tensor(1.0)
    layers = (
        LayerRecording("hidden", torch.zeros(1, 3), torch.zeros(1, 3), full),
        LayerRecording("output", none, none, full),
    )
    recording = Recording(torch.zeros(1, 5, 7), 9, None, tuple("0123456789"), torch.zeros(1, 35), "image", layers)
    result |= {"history": {"loss": [2.5], "accuracy": [0.1]}, "confusion": [[0] * 10] * 10}
    result["layers"] = [
        {"name": "hidden", "neurons": 3, "rate": 0.0, "dead": 3, "saturated": 0, "synops": 0.0, "rates": [0.0] * 3}
    ]
    page = Page(write_report(tmp_path, result, recording).read_text(encoding="utf-8"))
    assert "3 of 3 neurons (100.0 %) never fired on any test sample" in page.text


def test_an_input_that_is_the_sample_is_not_drawn_twice():
    image, frames = torch.rand(1, 3, 5), torch.rand(7, 2)
    layers = ()
    for sample, fed, kind in ((image, image.expand(4, 1, 3, 5), "image"), (frames, frames, "sequence")):
        assert figures.fed(Recording(sample, 0, 0, ("a",), fed, kind, layers)) is None
    spikes = (torch.rand(4, 1, 3, 5) < 0.5).float()
    picture = figures.fed(Recording(image, 0, 0, ("a",), spikes, "image", layers))
    assert picture.alt == f"Raster of {int(spikes.sum())} spikes of 15 inputs over 4 steps"
    picture = figures.fed(Recording(frames, 0, 0, ("a",), frames.repeat(2, 1), "sequence", layers))
    assert picture.alt == "2 inputs over 14 steps"


def test_thresholds_that_differ_make_the_unit_of_the_membranes():
    mem = torch.tensor([[1.0, 4.0], [3.0, 2.0]])
    layer = LayerRecording("output", (mem > 2).float(), mem, torch.tensor([2.0, 4.0]))
    recording = Recording(mem, 1, 0, ("a", "b"), mem, "sequence", (layer,))
    assert figures.membranes(layer, recording).alt.endswith("of layer output over 2 steps: b, a")


def test_the_true_class_is_among_the_membranes_whatever_its_drive():
    mem = torch.arange(5.0).expand(3, 5)
    layer = LayerRecording("output", torch.zeros(3, 5), mem, torch.tensor(9.0))
    recording = Recording(mem, 0, None, tuple("abcde"), mem, "sequence", (layer,))
    assert figures.membranes(layer, recording).alt.endswith(": a, e, d")
