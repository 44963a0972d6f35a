"""Write the net that the first page of the site runs in the browser: ``python tools/drawing.py``.

It is the digits net of the zoo in WebAssembly, which also returns the spikes of its input and hidden neurons.
"""

from __future__ import annotations

import base64
import json
import pathlib
from typing import Any

import torch
from torch import Tensor, nn

import snn
from workspace import ROOT

FILE = ROOT / "docs" / "assets" / "draw-net.js"
_BEGIN = "// Made by tools/drawing.py: WebAssembly and the module that loads it, in Base64.\nconst DRAWN_NET = "


class Watched(nn.Module):
    """The digits net of the zoo, which returns the spikes of all its neurons."""

    def __init__(self) -> None:
        super().__init__()
        self.layers: Any = snn.zoo.load("digits")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        flatten, encoder, first, hidden, second, output = self.layers
        inputs = encoder(flatten(x))
        inner = hidden(first(inputs))
        return inputs, inner, output(second(inner))


def text() -> str:
    """Return the text of the file."""
    export = snn.export(Watched().eval(), torch.full((1, 1, 8, 8), 0.5), format="wasm")
    module, script = export.files["net.wasm"], export.files["net.js"]
    parts = {"module": module, "script": script.encode("ascii")}
    return _BEGIN + json.dumps({name: base64.b64encode(part).decode("ascii") for name, part in parts.items()}) + ";\n"


def files(script: str) -> dict[str, bytes]:
    """Return the files of the net that a text of this form contains, by name."""
    parts = json.loads(script.removeprefix(_BEGIN).removesuffix(";\n"))
    return {f"net.{end}": base64.b64decode(parts[part]) for part, end in (("module", "wasm"), ("script", "js"))}


def write(file: pathlib.Path = FILE) -> pathlib.Path:
    """Write the file, and return it."""
    file.write_text(text(), encoding="ascii", newline="\n")
    return file


if __name__ == "__main__":
    print(write())
