"""Results to be read: as text, as HTML in a notebook, and as data.

These names are for packages that return such results; others import from ``snn_core``.
"""

from snn_core.results.result import Line, Result, aligned, count, share

__all__ = ["Line", "Result", "aligned", "count", "share"]
