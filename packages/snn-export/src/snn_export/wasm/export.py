"""The export of a net as a module of WebAssembly, and a module of JavaScript that runs it."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from snn_core.results import Line, count
from snn_export.c.export import source_for
from snn_export.c.folder import ExportedFiles
from snn_export.c.names import Names
from snn_export.wasm.compiling import webassembly
from snn_export.wasm.script import script

__all__ = ["WasmExport", "write_wasm"]


class WasmExport(ExportedFiles):
    """A net in WebAssembly.

    Args:
        files: ``net.wasm`` as bytes and ``net.js`` as text, by file name, when the name of the net is ``net``.
        report: The memory and operations of the net.
    """

    def _lines(self) -> list[Line]:
        files = ", ".join(f"{name} ({count(len(content))} bytes)" for name, content in self.files.items())
        return [f"files: {files}", *self.report._lines()]

    def to_dict(self) -> dict[str, Any]:
        """Return everything in the result as JSON data, with the bytes in Base64."""
        files = {
            name: content if isinstance(content, str) else base64.b64encode(content).decode("ascii")
            for name, content in self.files.items()
        }
        return {"files": files, "report": self.report.to_dict()}


def write_wasm(
    net: nn.Module,
    inputs: Sequence[Tensor],
    path: str | os.PathLike[str] | None,
    *,
    over: str,
    dynamic: frozenset[str],
    ram: int | None = None,
    flash: int | None = None,
) -> WasmExport:
    """Write one step of a net, for one sample, in WebAssembly, compiled from its source in C.

    Raises:
        ValueError: If more than a step of one input is requested, the net does not take it or cannot be written in C,
            with the layer and the reason, or takes more than is allowed. In all cases nothing is written.
        TypeError: If an option is of the wrong kind, or the net computes in a dtype other than float32.
        RuntimeError: If the compiler fails.
        OSError: If the files cannot be written.
    """
    file = Path("net.wasm") if path is None else Path(path)
    if file.suffix != ".wasm":
        raise ValueError(
            f"export: path must end in .wasm for format='wasm', got {str(path)!r}. Fix: {file.stem}.wasm, beside which "
            f"{file.stem}.js is written"
        )
    source = source_for(net, inputs, names := Names(), over=over, format="wasm")
    source.report.must_fit(ram, flash)
    texts = {f"{names.net}.h": source.header(), f"{names.net}.c": source.code()}
    module = webassembly(texts, names.net, source.ctypes)
    export = WasmExport({file.name: module, f"{file.stem}.js": script(source, file.name)}, source.report)
    if path is not None:
        export.write(file.parent)
    return export
