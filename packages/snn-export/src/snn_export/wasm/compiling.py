"""The compilation of a net in C to WebAssembly, by the package ziglang."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

__all__ = ["webassembly"]

_FLAGS = "--target=wasm32-wasi -mexec-model=reactor -std=c99 -O3 -ffp-contract=off -s".split()
_MODULE = "module.c"
_LIBRARY = """#include "{net}.h"

#define EXPORTED(name) __attribute__((export_name(#name)))

static {net}_state state;
static {input_type} in[{capitals}_INPUTS];
static {out} out[{capitals}_OUTPUTS];

EXPORTED(input) {input_type} *input(void)
{{
    return in;
}}

EXPORTED(output) {out} *output(void)
{{
    return out;
}}

EXPORTED(reset) void reset(void)
{{
    {net}_reset(&state);
}}

EXPORTED(step) void step(void)
{{
    {net}_step(in, out, &state);
}}
"""


def webassembly(files: Mapping[str, str], net: str, ctypes: tuple[str, str]) -> bytes:
    """Compile a net in C to a module of WebAssembly that imports nothing.

    It exports ``memory``, ``reset`` and ``step``, and the functions ``input`` and ``output``, which return the
    addresses of the arrays that ``step`` reads and writes.

    Args:
        files: The header and the source, by file name.
        net: The name of the net in them.
        ctypes: The types of input and output.

    Raises:
        RuntimeError: If the compiler fails.
    """
    input_type, out = ctypes
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text, encoding="ascii")
        module = _LIBRARY.format(net=net, capitals=net.upper(), input_type=input_type, out=out)
        (Path(folder) / _MODULE).write_text(module, encoding="ascii")
        sources = [_MODULE, *(name for name in files if name.endswith(".c"))]
        compiler = [sys.executable, "-m", "ziglang", "cc", *_FLAGS, *sources, "-lm", "-o", "net.wasm"]
        compilation = subprocess.run(compiler, cwd=folder, capture_output=True, text=True, check=False)
        if compilation.returncode:
            raise RuntimeError(
                f"export: ziglang must compile the net, got exit code {compilation.returncode}: "
                f"{compilation.stderr.strip()[-500:]} Fix: it needs a folder for its cache that can be written; name "
                "one in the environment variable ZIG_GLOBAL_CACHE_DIR"
            )
        return (Path(folder) / "net.wasm").read_bytes()
