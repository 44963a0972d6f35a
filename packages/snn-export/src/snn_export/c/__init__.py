"""The export of nets as C99."""

from snn_export.c.export import CExport, write_c
from snn_export.c.memory import LayerReport, MemoryReport

__all__ = ["CExport", "LayerReport", "MemoryReport", "write_c"]
