"""Export of spiking networks to programs that run without this package: torch.export, ONNX, ExecuTorch and C99."""

from snn_export._version import __version__
from snn_export.exporting import export

__all__ = ["__version__", "export"]
