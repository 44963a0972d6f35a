"""The formats to which a net can be exported, and the module that writes each."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Format:
    """One format.

    Args:
        module: The module that writes it, imported on demand.
        function: Its function of ``(net, x, path, *, over, dynamic, **options)``, which returns the program.
        needs: Other packages that the module imports, by import name.
        extra: The extra of this package that installs them.
        options: Further options of the function.
    """

    module: str
    function: str
    needs: tuple[str, ...] = ()
    extra: str = ""
    options: tuple[str, ...] = ()


FORMATS = {
    "torch": Format("snn_export.torch_program", "export_torch"),
    "onnx": Format("snn_export.onnx_model", "export_onnx", ("onnx", "onnxscript"), "onnx"),
    "executorch": Format("snn_export.executorch_program", "export_executorch", ("executorch",), "executorch"),
    "c": Format("snn_export.c", "write_c", options=("ram", "flash", "recorded")),
    "wasm": Format("snn_export.wasm", "write_wasm", ("ziglang",), "wasm", options=("ram", "flash")),
}


def writer(name: str, options: Collection[str] = ()) -> Callable[..., Any]:
    """Return the function that writes a format.

    Raises:
        ValueError: If there is no such format.
        TypeError: If it does not take an option.
        ImportError: If something that it needs is not installed.
    """
    if name not in FORMATS:
        raise ValueError(f"export: format must be one of {', '.join(map(repr, FORMATS))}, got {name!r}")
    form = FORMATS[name]
    for option in options:
        if option not in form.options:
            takes = f"takes {', '.join(form.options)}" if form.options else "takes no options"
            raise TypeError(f"export: format={name!r} has no option {option!r}; it {takes}")
    with warnings.catch_warnings(action="ignore"):
        for need in form.needs:
            try:
                importlib.import_module(need)
            except ModuleNotFoundError as error:
                if error.name != need:
                    raise
                raise ImportError(
                    f"export: format={name!r} needs {need}, which is not installed: pip install "
                    f"'snn-export[{form.extra}]', with the --find-links that snn was installed with, if any",
                    name=need,
                ) from None
        return getattr(importlib.import_module(form.module), form.function)
