"""A pytest plugin: the garbage collector no longer looks through the tests once they are collected.

There are half a million objects of them, none of them garbage: each full collection would take half a second.
"""

from __future__ import annotations

import gc


def pytest_collection_finish() -> None:
    """Leave what collecting has made to the end of the process."""
    gc.collect()
    gc.freeze()
