"""The module of JavaScript that loads a net in WebAssembly and runs its steps."""

from __future__ import annotations

import importlib.resources
import json
import urllib.parse

from snn_export.c.source import Source

__all__ = ["script"]

_ARRAYS = {"float": "Float32Array", "int8_t": "Int8Array", "int16_t": "Int16Array", "int32_t": "Int32Array"}


def script(source: Source, file: str) -> str:
    """Return the text of the module.

    Args:
        source: The net's source in C.
        file: The name of the file in WebAssembly, beside which the module lies.
    """
    taken, out = (_ARRAYS[ctype] for ctype in source.ctypes)
    sizes = {"INPUTS": source.given.buffer.size, "OUTPUTS": sum(view.buffer.size for view in source.outputs)}
    lines = [
        "// A spiking neural network in WebAssembly, one time step per call:",
        "//",
        "//     const net = await load();",
        "//     const out = net.step(x);",
        "//",
        *(f"// {line}" for line in source.interface()),
        "// Tensors are row-major.",
        "",
        *(f"export const {name} = {size};" for name, size in sizes.items()),
        f"const Input = {taken};",
        f"const Output = {out};",
        f"const BOUNDS = {json.dumps(source.bounds)};",
        f"const FILE = {json.dumps('./' + urllib.parse.quote(file))};",
        "",
    ]
    return "\n".join(lines) + "\n" + importlib.resources.files("snn_export.wasm").joinpath("net.js").read_text("ascii")
