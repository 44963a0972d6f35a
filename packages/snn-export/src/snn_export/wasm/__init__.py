"""The export of nets as WebAssembly."""

from snn_export.wasm.export import WasmExport, write_wasm

__all__ = ["WasmExport", "write_wasm"]
