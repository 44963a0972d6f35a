"""The report of a run of the demonstration: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from snn.demo import figures, page
from snn.demo.recording import Recording

__all__ = ["write_report"]


def write_report(folder: Path, result: Mapping[str, Any], recording: Recording) -> Path:
    """Write ``report.html``.

    Args:
        folder: Where.
        result: Numbers of the run, as in ``run.json``.
        recording: What the neurons did with one sample.

    Returns:
        The file.

    Raises:
        OSError: If it cannot be written.
    """
    target = folder / "report.html"
    accuracy = _percent(result["test_accuracy"])
    parts = (
        _headline(result, accuracy),
        _network(result, recording),
        _training(result),
        _one_sample(recording),
        _membranes(recording),
        _confusion(result),
        _activity(result["layers"]),
        _repeat(result),
    )
    target.write_text(page.document(f"snn demo, {result['task']}: {accuracy}", *parts), encoding="utf-8")
    return target


def _headline(result: Mapping[str, Any], accuracy: str) -> str:
    train, test = result["samples"]["train"], result["samples"]["test"]
    numbers = {
        f"of {test:,} test samples answered correctly": accuracy,
        f"of {train:,} training samples answered correctly": _percent(result["train_accuracy"]),
        "test samples without an answer": f"{round(result['test_silent'] * test):,}",
        "synaptic operations a test sample": _short(sum(layer["synops"] for layer in result["layers"])),
        "seconds of training": f"{result['seconds']['training']:,.1f}",
    }
    text = (
        f"Trained on {train:,} samples, then tested once on {test:,} others that played no part in training or in "
        "choosing the settings."
    )
    title = f"<h1>A spiking network trained on {escape(result['title'])}</h1>"
    return "\n".join((title, page.paragraph(text), page.number_tiles(numbers)))


def _network(result: Mapping[str, Any], recording: Recording) -> str:
    text = (
        "Its layers after training: with what each was made, how many parameters it has, and the constants of its "
        "neurons. A constant marked as learned is a parameter too."
    )
    write = "To write the program of this network and of its training, which uses public names of snn alone:"
    return page.section(
        "The network",
        page.paragraph(text),
        page.facts(recording.net),
        page.paragraph(write),
        f"<pre>{escape(result['command'])} --code</pre>",
    )


def _training(result: Mapping[str, Any]) -> str:
    text = (
        "Each epoch sees every training sample once, changed a little at random; loss and accuracy are those on the "
        "changed samples while the network learns."
    )
    loss, accuracy = figures.history(result["history"])
    pictures = (page.figure(loss, "Loss"), page.figure(accuracy, "Accuracy"))
    return page.section("Training", page.paragraph(text), page.side_by_side(pictures))


def _one_sample(recording: Recording) -> str:
    kind = "image" if recording.kind == "image" else "sequence"
    steps, true = len(recording.input), recording.classes[recording.target]
    if recording.predicted is None:
        answer = "no output neuron fires, so there is no answer"
    elif recording.predicted == recording.target:
        answer = "that is the network's answer"
    else:
        answer = f"the network's answer is {recording.classes[recording.predicted]}"
    text = (
        f"One training sample, {kind} of class {true}, for {steps} steps: {answer}. The class whose output neuron "
        "fires most is the answer. A mark is a spike."
    )
    return page.section("From a sample to an answer", page.paragraph(text), page.side_by_side(_seen(recording)))


def _seen(recording: Recording) -> Iterator[str]:
    yield page.figure(figures.sample(recording), "The sample.")
    fed = figures.fed(recording)
    if fed is not None:
        yield page.figure(fed, "The input.", "What the first layer is fed, step after step.")
    *hidden, output = recording.layers
    for layer in hidden:
        count = f"{layer.spk[0].numel():,} neurons."
        yield page.figure(figures.spikes(layer), f"Layer {layer.name}.", count)
        if layer.spk.dim() > 2:
            text = "Where its channels fire, over all steps together."
            yield page.figure(figures.maps(layer), f"Layer {layer.name}.", text)
    moving, still = figures.votes(recording)
    text = "Its spikes as they come, and how many each neuron has fired so far."
    yield page.film(moving, still, f"The answer, layer {output.name}.", text)


def _membranes(recording: Recording) -> str:
    text = (
        "The same sample. A membrane integrates its input and leaks; where it is above the threshold (dashed) the "
        "neuron fires (triangle), and its reset follows in the next step."
    )
    *hidden, output = recording.layers
    pictures = [
        page.figure(figures.membranes(layer, recording), f"Layer {layer.name}.", "The neurons that fire most.")
        for layer in hidden
    ]
    chosen = "The true class, and those driven most beside it."
    pictures.append(page.figure(figures.membranes(output, recording), f"Layer {output.name}.", chosen))
    return page.section("Membranes", page.paragraph(text), page.side_by_side(pictures))


def _confusion(result: Mapping[str, Any]) -> str:
    silent = round(result["test_silent"] * result["samples"]["test"])
    text = "Number of test samples by true class and answer. The shade is the share of the row."
    if silent:
        text += f" {silent:,} without an answer are in no cell."
    picture = figures.confusion(result["confusion"], result["classes"])
    return page.section("Confusion on the test part", page.paragraph(text), page.figure(picture, "Confusion matrix."))


def _activity(layers: Sequence[Mapping[str, Any]]) -> str:
    busiest = max(layer["rate"] for layer in layers) or 1.0
    rows = [
        [
            escape(layer["name"]),
            f"{layer['neurons']:,}",
            f"{layer['rate']:.4f}{page.bar(layer['rate'] / busiest)}",
            f"{layer['dead']:,}",
            f"{layer['saturated']:,}",
            f"{layer['synops']:,.0f}",
        ]
        for layer in layers
    ]
    neurons, dead, full = (sum(layer[name] for layer in layers) for name in ("neurons", "dead", "saturated"))
    mean = sum(layer["rate"] * layer["neurons"] for layer in layers) / neurons
    total = f"{sum(layer['synops'] for layer in layers):,.0f}"
    rows.append(["all", f"{neurons:,}", f"{mean:.4f}{page.bar(mean / busiest)}", f"{dead:,}", f"{full:,}", total])
    head = ["Layer", "Neurons", "Spikes per neuron and step", "Dead", "Saturated", "Synaptic operations per sample"]
    counted = (
        "A synaptic operation is one weight other than 0 used by one input other than 0, in one step of one sample; "
        "the connections that lead to a layer are counted with it, its own recurrent ones too. Biases, the neurons' "
        "own updates and memory accesses are not counted."
    )
    histograms = [page.figure(figures.layer_rates(layer), f"Layer {layer['name']}.") for layer in layers]
    return page.section(
        "Firing rates and synaptic operations",
        page.paragraph("Over the whole test part."),
        page.table(head, rows, "Activity of each layer"),
        page.paragraph(counted),
        *(page.paragraph(_in_words(layer), warning=bool(layer["dead"] or layer["saturated"])) for layer in layers),
        page.side_by_side(histograms),
    )


def _in_words(layer: Mapping[str, Any]) -> str:
    """Describe the dead and the saturated neurons of a layer in words."""
    neurons = layer["neurons"]
    results = [
        f"{layer[kind]:,} of {neurons:,} neurons ({_percent(layer[kind] / neurons, 1)}) {what}"
        for kind, what in (
            ("dead", "never fired on any test sample, and so tell nothing"),
            ("saturated", "fired in every step of every test sample, and so tell nothing either"),
        )
        if layer[kind]
    ]
    return f"Layer {layer['name']}: {'; '.join(results) or 'no neuron is dead, none saturated'}."


def _repeat(result: Mapping[str, Any]) -> str:
    text = "The same settings, versions, threads and kind of processor give the same numbers, bit for bit."
    again = f"<pre>{escape(result['command'])}</pre>"
    verify = "To repeat the run that lies beside this page, and to compare every number of it:"
    tables = [
        f"<div><h3>{heading}</h3>\n{page.facts(values)}</div>"
        for heading, values in (
            ("Manifest", result["manifest"]),
            ("Settings", result["settings"]),
            ("Versions", result["versions"]),
        )
    ]
    return page.section(
        "To repeat this run",
        page.paragraph(text),
        again,
        page.paragraph(verify),
        "<pre>snn demo --verify run.json</pre>",
        page.side_by_side(tables, kind="tables"),
    )


def _percent(share: float, digits: int = 2) -> str:
    return f"{100 * share:.{digits}f} %"


def _short(number: float) -> str:
    """Format a large number with three digits and a word."""
    for size, word in ((1e9, " billion"), (1e6, " million")):
        if number >= size:
            return f"{number / size:.3g}{word}"
    return f"{number:,.0f}"
