"""Names and comments of the C source, which the names of a net's layers cannot corrupt."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from snn_export.c.arrays import Array

__all__ = ["KEYWORDS", "Names", "comment", "taken"]

_LONGEST = 28  # of each part of a name; C99 distinguishes 63 characters
# other names that are declared in the same scope; keywords cannot occur, as each name has two parts
_TAKEN = ("int8_t", "int16_t", "int32_t", "size_t", "float_t", "double_t")
_TAKEN += ("scratch_int8", "scratch_int16", "scratch_int32")
KEYWORDS = """auto break case char const continue default do double else enum extern float for goto if inline int long
register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while""".split()


class Names:
    """A source of identifiers, each handed out once, and of arrays under them.

    Example:
        >>> names = Names()
        >>> names.new("0", "weight"), names.new("a b", "weight"), names.new("a_b", "weight")
        ('n0_weight', 'a_b_weight', 'a_b_weight_2')
        >>> names.new('x; */ system("rm")', "mem")
        'x_system_rm_mem'
    """

    def __init__(self, net: str = "net") -> None:
        if re.fullmatch("[A-Za-z][A-Za-z0-9_]*", net) is None or len(net) > _LONGEST or net in KEYWORDS:
            raise ValueError(
                f"a net in C cannot be called {net!r}; choose at most {_LONGEST} letters, digits and underscores, "
                "beginning with a letter, that are not a keyword"
            )
        self.net = net
        self._taken = {*_TAKEN, *(f"{net}_{what}".lower() for what in ("state", "reset", "step"))}
        self._arrays: list[tuple[tuple[str, str, str], Array]] = []

    def array(self, path: str, what: str, ctype: str, values: Tensor, layout: str) -> Array:
        """Return constants under a new name, or under their existing one if a layer runs twice."""
        for key, array in self._arrays:
            if key == (path, what, ctype) and torch.equal(array.values, values):
                return array
        array = Array(self.new(path, what), ctype, values, layout)
        self._arrays.append(((path, what, ctype), array))
        return array

    def new(self, path: str, what: str) -> str:
        """Return an identifier for a thing of a layer.

        Returns:
            Lower-case letters, digits and underscores; never one that was used before.
        """
        first, second = (re.sub(r"[^a-z0-9]+", "_", part.lower())[:_LONGEST].strip("_") for part in (path, what))
        first = first if first[:1].isalpha() else f"n{first}"
        return taken(f"{first}_{second or 'n'}", self._taken)


def taken(name: str, names: set[str]) -> str:
    """Add a name to a set, with a number if it is taken, and return it."""
    plain, count = name, 1
    while name in names:
        count += 1
        name = f"{plain}_{count}"
    names.add(name)
    return name


def comment(text: str) -> str:
    """Return a text that is safe in a C comment: printable, on one line, and without the end of a comment.

    Example:
        >>> comment("conv */ int x; /* ??/")
        'conv __ int x; __ ___'
    """
    return re.sub(r"[^A-Za-z0-9 _.,:;()\[\]+=<>'-]", "_", text)
