"""The report of a run of the demonstration: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from snn.demo import figures
from snn.demo.recording import Recording

__all__ = ["write_report"]


def write_report(folder: Path, result: Mapping[str, Any], recording: Recording) -> Path:
    """Write ``report.html``."""
    import jinja2

    files = resources.files("snn.demo")
    style, template = (files.joinpath(f"report.{end}").read_text(encoding="utf-8") for end in ("css", "html"))
    jinja = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    jinja.filters |= {"base64": _base64, "grouped": _grouped, "lines": _lines, "percent": _percent, "short": _short}
    *hidden, output = recording.layers
    text = jinja.from_string(template).render(
        result=result,
        recording=recording,
        hidden=hidden,
        output=output,
        history=figures.history(result["history"]),
        draw=figures,
        activity=[*result["layers"], _together(result["layers"])],
        busiest=max(layer["rate"] for layer in result["layers"]) or 1.0,
        style=style,
    )
    target = folder / "report.html"
    target.write_text(text + "\n", encoding="utf-8")
    return target


def _together(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the activity of all layers as if they were one."""
    counts = {name: sum(layer[name] for layer in layers) for name in ("neurons", "dead", "saturated", "synops")}
    rate = sum(layer["rate"] * layer["neurons"] for layer in layers) / counts["neurons"]
    return {"name": "all", "rate": rate, **counts}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _grouped(number: float, digits: int | None = None) -> str:
    return f"{number:,}" if digits is None else f"{number:,.{digits}f}"


def _lines(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else [str(value)]


def _percent(share: float, digits: int = 2) -> str:
    return f"{100 * share:.{digits}f} %"


def _short(number: float) -> str:
    """Format a large number with three digits and a word."""
    for size, word in ((1e9, " billion"), (1e6, " million")):
        if number >= size:
            return f"{number / size:.3g}{word}"
    return f"{number:,.0f}"
