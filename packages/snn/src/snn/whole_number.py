"""Whole numbers on the command line, each within a sensible range."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

__all__ = ["MOST_THREADS", "sizes", "whole"]

# a run may be repeated with as many threads as another machine has; far more than processors only wait for turns
MOST_THREADS = max(64, os.cpu_count() or 1)
_LARGEST_SIZE = 2**31 - 1
_MOST_SIZES = 8


def whole(least: int, most: int) -> Callable[[str], int]:
    """Make the ``type`` of an option that takes a whole number within a range.

    Example:
        >>> whole(1, 10)("7")
        7
        >>> whole(1, 10)("11")
        Traceback (most recent call last):
        argparse.ArgumentTypeError: expected a whole number from 1 to 10, got '11'
    """

    def number(text: str) -> int:
        # a text with more digits than the largest number need not be read
        if not text.isdecimal() or len(text) > len(str(most)) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {most}, got {text!r:.60}")
        return int(text)

    return number


def sizes(text: str, *, least: int, expected: str) -> tuple[int, ...]:
    """Read the sizes of a tensor.

    Args:
        text: Whole numbers of at least 1, separated by commas.
        least: The least number of sizes; there may be up to 8.
        expected: A description of the sizes, for the error.

    Example:
        >>> sizes("20,8,784", least=2, expected="numbers of steps, of samples and of features")
        (20, 8, 784)
    """
    size = whole(1, _LARGEST_SIZE)
    words = [word.strip() for word in text.split(",")]
    try:
        if least <= len(words) <= _MOST_SIZES:
            return tuple(map(size, words))
    except argparse.ArgumentTypeError:
        pass
    raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r:.60}")
