"""What functions return to be read: text, HTML in a notebook, and data.

These names are for packages that return such results; others import from ``snn_core``.
"""

from snn_core.results.result import Line, Result, aligned, count, share

__all__ = ["Line", "Result", "aligned", "count", "share"]
