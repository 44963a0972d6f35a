"""Files of trained nets, and the manifest in which a file describes its content."""

from snn_core.files.whole_file import whole_file

__all__ = ["whole_file"]
