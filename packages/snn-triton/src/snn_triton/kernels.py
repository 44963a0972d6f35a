"""The conversion of a kernel's source to a function that Triton compiles."""

from __future__ import annotations

import linecache
from collections.abc import Mapping
from typing import Any

from snn_triton.source import Source

__all__ = ["kernel"]

# arguments whose values change from call to call, which must not cause a new compilation
_NOT_SPECIALIZED = ("steps", "every")


def kernel(source: Source, functions: Mapping[str, Any] | None = None) -> Any:
    """Return the kernel of a source.

    Args:
        source: The source.
        functions: The objects ``tl`` and ``libdevice`` in it; Triton's own if None.

    Returns:
        A Triton function, launched by ``kernel[grid](...)``.
    """
    import triton
    import triton.language as tl
    from triton.language.extra import libdevice

    # Triton reads the text of a function from where Python's own tracebacks read it
    file = f"<snn_triton.{source.name}.{hash(source.text):x}>"
    linecache.cache[file] = len(source.text), None, source.text.splitlines(keepends=True), file
    namespace: dict[str, Any] = {"__name__": "snn_triton.kernels", "tl": tl, "libdevice": libdevice}
    namespace |= functions or {}
    code = compile(source.text, file, "exec", dont_inherit=True)
    exec(code, namespace)  # the text consists of a program's instructions and checked names
    return triton.jit(namespace[source.name], do_not_specialize=_NOT_SPECIALIZED)
