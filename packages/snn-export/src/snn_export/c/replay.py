"""A main program that replays a recorded input and compares the output with PyTorch's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from snn_export.c.arrays import listing, number

__all__ = ["Replay"]


@dataclass(frozen=True)
class Replay:
    """Recorded sequences.

    Args:
        given: Inputs ``[samples, steps, numbers]``.
        expected: Outputs ``[samples, steps, numbers]``.
        exact: Begin and end of each part of the output that must be the same; the rest may be rounded differently.
        ctypes: The types of input and output.
        net: Name of the net in C.
    """

    given: Tensor
    expected: Tensor
    exact: Sequence[tuple[int, int]]
    ctypes: tuple[str, str]
    net: str

    def code(self) -> str:
        """Return the text of the program."""
        samples, steps, _ = self.given.shape
        input_type, out = self.ctypes
        near, compared = "", "out[k] != wanted"
        if sum(end - begin for begin, end in self.exact) < self.expected.shape[-1]:
            parts = " || ".join(f"(k >= {begin} && k < {end})" for begin, end in self.exact) or "0"
            near, compared = _NEAR, f"({parts}) ? out[k] != wanted : !near(out[k], wanted)"
        return _MAIN.format(
            samples=samples,
            steps=steps,
            given=_array("recorded_in", self.given, input_type),
            expected=_array("recorded_out", self.expected, out),
            near=near,
            given_type=input_type,
            out_type=out,
            compared=compared,
            net=self.net,
            capitals=self.net.upper(),
        )


_NEAR = """
/* True if a number that is not a spike equals the recorded one, up to rounding. */
static int near(float a, float b)
{
    const float difference = a > b ? a - b : b - a;
    const float size = b < 0.0f ? -b : b;
    return difference <= 1e-3f * size + 1e-4f;
}
"""
_MAIN = """/* Replays recorded sequences. Returns 0 if every output is the recorded one, else 1. */
#include <stdio.h>

#include "{net}.h"

#define SAMPLES {samples}
#define STEPS {steps}

/* [samples][steps][numbers] */
{given}

{expected}
{near}
int main(void)
{{
    static {net}_state state;
    static {given_type} in[{capitals}_INPUTS];
    static {out_type} out[{capitals}_OUTPUTS];
    for (int sample = 0; sample < SAMPLES; sample++) {{
        {net}_reset(&state);
        for (int step = 0; step < STEPS; step++) {{
            const int row = sample * STEPS + step;
            for (int k = 0; k < {capitals}_INPUTS; k++) {{
                in[k] = recorded_in[row * {capitals}_INPUTS + k];
            }}
            {net}_step(in, out, &state);
            for (int k = 0; k < {capitals}_OUTPUTS; k++) {{
                const {out_type} wanted = recorded_out[row * {capitals}_OUTPUTS + k];
                if ({compared}) {{
                    printf("sample %d, step %d, output %d differs from the recorded one\\n", sample, step, k);
                    return 1;
                }}
            }}
        }}
    }}
    printf("%d samples of %d steps: every output is the recorded one\\n", SAMPLES, STEPS);
    return 0;
}}
"""


def _array(name: str, values: Tensor, ctype: str) -> str:
    flat = values.flatten().tolist()
    small = bool((values == values.round()).all()) and bool((values.abs() < 128).all())
    texts = map(number, flat) if ctype == "float" and not small else map(str, map(int, flat))
    stored = "signed char" if small else ctype
    return listing(f"static const {stored} {name}[{len(flat)}] = {{", texts)
