"""The header and the source of a net in C."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from snn_export.c.memory import MemoryReport, Placement, members, placed, reported
from snn_export.c.names import Names, comment
from snn_export.c.routine import Layer, Refusal, Routine, View, blocks, place_of

__all__ = ["Source", "source_of"]

_PROMISE = {
    "float": (
        "Numbers are float32. Compile with -ffp-contract=off, and for a processor whose float is IEEE 754 and not "
        "computed in a wider type. Sums add their nonzero terms in the order of the inputs. Spikes equal those of the "
        "net in PyTorch where its sums are exact; otherwise they are equal up to the first step in which a membrane is "
        "within rounding of its threshold."
    ),
    "integer": (
        "Numbers are integers, sums int32_t; none of them overflows for inputs within the bound below. A membrane "
        "saturates at the ends of its type's grid. Outputs are bit for bit those of the integer net in PyTorch."
    ),
}
_SHIFT = """
/* v divided by 2^bits and rounded down, whatever the compiler does to shift negative numbers. */
static int32_t shifted(int32_t v, int bits)
{
    return v >= 0 ? v >> bits : -((-(v + 1)) >> bits) - 1;
}
"""


@dataclass(frozen=True)
class Source:
    """The source of a net in C.

    Args:
        routines: The functions that compute its layers, in order.
        placement: The places of the values.
        report: Its memory and operations.
        given: The input.
        outputs: Its outputs.
        ctypes: The types of input and output.
        names: Source of identifiers.
        bounds: The smallest and the largest integer of the input; None for float.
        fraction_bits: Fraction bits of each output of an integer net.
    """

    routines: Sequence[Routine]
    placement: Placement
    report: MemoryReport
    given: View
    outputs: Sequence[View]
    ctypes: tuple[str, str]
    names: Names
    bounds: tuple[int, int] | None = None
    fraction_bits: tuple[int, ...] = ()

    @property
    def _integer(self) -> bool:
        return self.bounds is not None

    def header(self) -> str:
        """Return the text of the header."""
        net = self.names.net
        fields = members(self.routines, self.placement)
        sizes = [f"[{field.size}]" if field.size else "" for field in fields]
        about = [
            "A spiking neural network in C99, one time step per call. No memory is allocated.",
            "",
            *textwrap.wrap(_PROMISE["integer" if self._integer else "float"], 100),
            "",
            *self.interface(),
            f"Tensors are row-major; comments in {net}.c name the axes of the weights.",
            "",
            *str(self.report).splitlines(),
        ]
        input_type, out = self.ctypes
        return "\n".join(
            [
                "/*",
                *(f" * {line}".rstrip() for line in about),
                " */",
                f"#ifndef {net.upper()}_H",
                f"#define {net.upper()}_H",
                *["", "#include <stdint.h>"] * any("int" in t for t in (input_type, *(f.ctype for f in fields))),
                "",
                f"#define {net.upper()}_INPUTS {self.given.buffer.size}",
                f"#define {net.upper()}_OUTPUTS {sum(view.buffer.size for view in self.outputs)}",
                "",
                "#ifdef __cplusplus",
                'extern "C" {',
                "#endif",
                "",
                "typedef struct {",
                *(f"    {f.ctype} {f.name}{n}; /* {comment(f.meaning)} */" for f, n in zip(fields, sizes, strict=True)),
                f"}} {net}_state;",
                "",
                "/* Put the net at rest, as it must be before the first step of a sequence. */",
                f"void {net}_reset({net}_state *state);",
                "",
                "/* Compute one time step, from all of in to all of out; in and out must not overlap. */",
                f"void {net}_step(const {input_type} *in, {out} *out, {net}_state *state);",
                "",
                "#ifdef __cplusplus",
                "}",
                "#endif",
                "",
                "#endif",
                "",
            ]
        )

    def interface(self) -> list[str]:
        """Return a line about the input, and one about each output: its place, meaning and shape."""
        bounds = ", integers from {} to {}".format(*self.bounds) if self.bounds else ""
        lines, first = [f"in: {list(self.given.shape)}{bounds}"], 0
        for k, view in enumerate(self.outputs):
            bits = f", {self.fraction_bits[k]} fraction bits" if self.fraction_bits else ""
            what = "spikes" if view.buffer.spikes else view.buffer.meaning or "numbers"
            last = first + view.buffer.size - 1
            lines.append(f"out[{first}] to out[{last}]: {comment(what)} {list(view.shape)}{bits}")
            first += view.buffer.size
        return lines

    def code(self) -> str:
        """Return the text of the source."""
        arrays = [*dict.fromkeys(array for routine in self.routines for array in routine.arrays)]
        bodies = [line for routine in self.routines for line in routine.body]
        uses_math = not self._integer and any(re.search(r"\wf\(", line) for line in bodies)
        integers = any(array.ctype != "float" for array in arrays) or any("int32_t" in line for line in bodies)
        for routine in self.routines:
            routine.name = self.names.new("layer", routine.layer.path or routine.layer.kind)
        contract = ["#if defined(__clang__)", "#pragma STDC FP_CONTRACT OFF", "#endif", ""]
        return "\n".join(
            [
                f'#include "{self.names.net}.h"',
                *["", "#include <stdint.h>"] * integers,
                *["", "#include <math.h>"] * uses_math,
                "",
                *([] if self._integer else contract),
                *(f"{array}\n" for array in arrays),
                *[_SHIFT.lstrip()] * any("shifted(" in line for line in bodies),
                *(line for routine in self.routines for line in self._layer(routine)),
                *self._reset(),
                *self._step(),
            ]
        )

    def _layer(self, routine: Routine) -> list[str]:
        title = f"/* {comment(place_of(routine.layer.path, routine.layer.kind))} */"
        head = f"static void {routine.name}({', '.join(routine.parameters(self.names.net))})"
        return [title, *_function(head, routine.body)]

    def _reset(self) -> list[str]:
        lines = []
        for field in [field for routine in self.routines for field in routine.fields]:
            zero = "0.0f" if field.ctype == "float" else "0"
            if field.size:
                lines += blocks(f"for (int i = 0; i < {field.size}; i++) {{", f"state->{field.name}[i] = {zero};", "}")
            else:
                lines += [f"state->{field.name} = {zero};"]
        net = self.names.net
        return _function(f"void {net}_reset({net}_state *state)", lines or ["(void)state;"])

    def _step(self) -> list[str]:
        input_type, out = self.ctypes
        calls = [f"{routine.name}({', '.join(routine.arguments())});" for routine in self.routines]
        for buffer, first in self.placement.copies:
            to = f"out[{first} + i]" if first else "out[i]"
            source = buffer.place if buffer.place.isidentifier() else f"({buffer.place})"
            calls += blocks(f"for (int i = 0; i < {buffer.size}; i++) {{", f"{to} = {source}[i];", "}")
        text = "\n".join(calls)
        unused = [f"(void){name};" for name in ("in", "state") if not re.search(rf"\b{name}\b", text)]
        net = self.names.net
        return _function(f"void {net}_step(const {input_type} *in, {out} *out, {net}_state *state)", [*unused, *calls])


def _function(head: str, body: Sequence[str]) -> list[str]:
    return [head, "{", *(f"    {line}" for line in body), "}", ""]


def source_of(
    nodes: Sequence[Layer], inputs: View, outputs: Sequence[View], ctypes: tuple[str, str], names: Names, **more: Any
) -> Source:
    """Return the source of a net, given the layers that compute it, without those whose results nothing reads."""
    needed = {view.buffer for view in outputs}
    kept: list[Layer] = []
    for node in reversed(nodes):
        if node.writes in needed or hasattr(node, "module") or hasattr(node, "delay"):  # those two keep a state
            kept.append(node)
            needed |= {*node.reads}
    routines = []
    for node in reversed(kept):
        try:
            routines.append(node.routine(names))
        except ValueError as why:
            raise Refusal(f"{place_of(node.path, node.kind)} cannot be written in C: {why}") from None
    placement = placed(routines, inputs.buffer, outputs, ctypes[1])
    return Source(routines, placement, reported(routines, placement), inputs, outputs, ctypes, names, **more)
