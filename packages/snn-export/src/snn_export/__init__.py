"""Export of spiking networks as programs that run without it: torch.export, ONNX, ExecuTorch, C, WebAssembly."""

from snn_export._version import __version__
from snn_export.exporting import export

__all__ = ["__version__", "export"]
