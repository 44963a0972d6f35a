"""The page that a run of the demonstration leaves: one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from snn.demo import figures

if TYPE_CHECKING:
    from torch import Tensor

    from snn.demo.network import Recording

__all__ = ["write_report"]

PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>snn demo: $accuracy</title>
<style>
body { font: 16px/1.55 system-ui, sans-serif; color: #1d2733; background: #f5f6f8; margin: 0 }
main { max-width: 1080px; margin: 0 auto; padding: 32px 24px 64px }
h1 { font-size: 30px; line-height: 1.25; margin: 0 0 8px }
h2 { font-size: 20px; margin: 0 0 4px }
section { background: #fff; border: 1px solid #dfe3e8; border-radius: 8px; padding: 20px 24px; margin: 20px 0 }
p { margin: 4px 0 12px; max-width: 75ch }
img { display: block; max-width: 100%; height: auto; margin: 0 auto }
dl { display: flex; flex-wrap: wrap; gap: 12px; margin: 20px 0 }
dl div { flex: 1; min-width: 150px; background: #fff; border: 1px solid #dfe3e8; border-radius: 8px;
  padding: 12px 16px }
dt { font-size: 13px; color: #5a6675 }
dd { margin: 0; font-size: 24px; font-weight: 600 }
table { border-collapse: collapse; font-size: 14px }
td, th { text-align: left; padding: 4px 24px 4px 0; border-bottom: 1px solid #e8ebef; font-weight: normal }
td { font-family: ui-monospace, monospace }
.tables { display: flex; flex-wrap: wrap; align-items: flex-start; gap: 16px 64px }
code { background: #eef0f3; border-radius: 4px; padding: 1px 5px; font-size: 14px }
</style>
<main>
<h1>A spiking network that reads digits</h1>
<p>Trained on $train real handwritten digits of 8 by 8 pixels, then tested once on $test others that played no part in
training or in choosing the settings. <code>$command</code></p>
<dl>
<div><dt>test digits read correctly</dt><dd>$accuracy</dd></div>
<div><dt>training digits read correctly</dt><dd>$train_accuracy</dd></div>
<div><dt>test digits without an answer</dt><dd>$silent</dd></div>
<div><dt>training time</dt><dd>$seconds s</dd></div>
</dl>
<section><h2>Training</h2>
<p>Each epoch sees every training digit once, a little turned, scaled, sheared and shifted; loss and accuracy are those
on the changed digits while the network learns.</p>
<img alt="Loss and accuracy over the epochs" src="$history"></section>
<section><h2>Spikes</h2>
<p>One training digit, a $digit, seen for $num_steps steps. A pixel fires in proportion to its brightness; the digit
whose output neuron fires most is the answer.</p>
<img alt="An image and the spikes of input, hidden and output neurons" src="$spikes"></section>
<section><h2>Membranes</h2>
<p>The same digit. A membrane integrates its input and leaks; above the threshold (dashed) it fires (triangle), and the
threshold is subtracted in the next step.</p>
<img alt="Membrane potentials of hidden and output neurons" src="$membranes"></section>
<section><h2>Confusion on the test part</h2>
<p>Number of test digits by true digit and digit read. The shade is the share of the row.</p>
<img alt="Confusion matrix" width="600" src="$confusion"></section>
<section><h2>Settings and versions</h2>
<p>The same seed, settings and versions give the same accuracy on the same kind of processor.</p>
<div class="tables"><table>$settings</table><table>$versions</table></div></section>
</main>
</html>
""")


def write_report(
    folder: Path,
    result: Mapping[str, Any],
    image: Tensor,
    digit: int,
    recording: Recording,
    thresholds: tuple[float, float],
) -> Path:
    """Write ``report.html``.

    Args:
        folder: Where.
        result: Numbers of the run, as in ``result.json``.
        image: The image that the recording is of, ``[1, 8, 8]``.
        digit: What it shows.
        recording: What the neurons did.
        thresholds: Firing threshold of the hidden and of the output neurons.

    Returns:
        The file.

    Raises:
        OSError: If it cannot be written.
    """
    pictures = {
        "history": figures.history(result["history"]),
        "spikes": figures.spikes(image, recording),
        "membranes": figures.membranes(recording, thresholds, digit),
        "confusion": figures.confusion(result["confusion"]),
    }
    target = folder / "report.html"
    target.write_text(_page(result, digit, pictures), encoding="utf-8")
    return target


def _page(result: Mapping[str, Any], digit: int, pictures: Mapping[str, bytes]) -> str:
    """Compose the page.

    Args:
        result: Numbers of the run, as in ``result.json``.
        digit: Digit of the pictures.
        pictures: The PNGs ``history``, ``spikes``, ``membranes`` and ``confusion``.

    Returns:
        HTML with the pictures inside.
    """
    inside = {name: f"data:image/png;base64,{base64.b64encode(png).decode()}" for name, png in pictures.items()}
    settings = result["settings"]
    return PAGE.substitute(
        inside,
        command=f"snn demo --seed {settings['seed']} --epochs {settings['epochs']}",
        accuracy=f"{100 * result['test_accuracy']:.2f} %",
        train_accuracy=f"{100 * result['train_accuracy']:.2f} %",
        silent=round(result["test_silent"] * result["samples"]["test"]),
        seconds=f"{result['seconds']['training']:.1f}",
        digit=digit,
        num_steps=settings["num_steps"],
        settings=_rows(settings),
        versions=_rows(result["versions"]),
        **result["samples"],
    )


def _rows(values: Mapping[str, Any]) -> str:
    return "".join(
        f"<tr><th>{escape(name.replace('_', ' '))}</th><td>{escape(str(value))}</td></tr>\n"
        for name, value in values.items()
    )
