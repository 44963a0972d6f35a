"""Constant arrays and numbers, written exactly in C."""

from __future__ import annotations

import functools
import math
import struct
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["BYTES", "Array", "integer_type", "listing", "number"]

BYTES = {"float": 4, "int8_t": 1, "int16_t": 2, "int32_t": 4, "uint8_t": 1, "uint16_t": 2}
"""The types of numbers, and the number of bytes of each."""

_MOST_BYTES = 2**31


@functools.lru_cache(2**16)
def number(value: float) -> str:
    """Return a number, rounded to float32, as a literal of C99 with exactly this value.

    Example:
        >>> number(0.1875), number(-3.0), number(0.0)
        ('0x1.8p-3f', '-0x1.8p+1f', '0.0f')
    """
    try:
        (value,) = struct.unpack("f", struct.pack("f", value))
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueError(f"a number is {value}, for which C99 has no literal")
    if value == 0:
        return "-0.0f" if math.copysign(1, value) < 0 else "0.0f"
    mantissa, exponent = value.hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.')}p{exponent}f"


def integer_type(largest: int) -> str:
    """Return the narrowest signed type that holds every integer up to a magnitude.

    Example:
        >>> integer_type(127), integer_type(128)
        ('int8_t', 'int16_t')
    """
    for bits in (8, 16, 32):
        if largest < 2 ** (bits - 1):
            return f"int{bits}_t"
    raise ValueError(f"integers up to {largest} need more than 32 bits; use fewer bits for weights or states")


@dataclass(frozen=True, eq=False)
class Array:
    """Numbers in read-only memory.

    Args:
        name: Its identifier.
        ctype: The type of a number, one of ``BYTES``.
        values: The numbers, in their order in memory.
        layout: Names of its axes, for the reader.

    Example:
        >>> print(Array("fc_bias", "float", torch.tensor([0.5, -1.0]), "[out]"))
        static const float fc_bias[2] = { /* [out] */
            0x1p-1f, -0x1p+0f,
        };
    """

    name: str
    ctype: str
    values: Tensor
    layout: str

    def __post_init__(self) -> None:
        if self.bytes >= _MOST_BYTES:
            raise ValueError(f"{self.layout} takes {self.bytes} bytes; an array in C must take less than {_MOST_BYTES}")
        if not bool(torch.isfinite(self.values).all()):
            raise ValueError(f"{self.layout} contains NaN or infinity; a net that learned well has none")

    @property
    def bytes(self) -> int:
        """The bytes that it takes."""
        return self.values.numel() * BYTES[self.ctype]

    def __str__(self) -> str:
        flat = self.values.detach().flatten().tolist()
        texts = map(number, flat) if self.ctype == "float" else map(str, map(int, flat))
        return listing(f"static const {self.ctype} {self.name}[{len(flat)}] = {{ /* {self.layout} */", texts)


def listing(head: str, numbers: Iterable[str]) -> str:
    """Return the definition of an array: a line that begins it, and lines of numbers."""
    lines = textwrap.wrap(", ".join(numbers) + ",", 112, break_long_words=False, break_on_hyphens=False)
    return "\n".join([head, *(f"    {line}" for line in lines), "};"])
