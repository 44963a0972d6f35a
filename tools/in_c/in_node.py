"""Compile nets in C to WebAssembly, and run them in Node.js."""

from __future__ import annotations

import base64
import importlib.util
import json
import pathlib
import shutil
import subprocess
from typing import Any

import torch
from torch import Tensor, nn

import snn_export

__all__ = ["MISSING", "Node"]

_PRESENT = {"node": shutil.which("node"), "ziglang": importlib.util.find_spec("ziglang")}
MISSING = " and ".join(name for name, place in _PRESENT.items() if not place)
"""The programs and packages that networks in WebAssembly need and that are not installed, as text."""
_TYPES = {"Float32Array": torch.float32, "Int32Array": torch.int32}
_SERVER = pathlib.Path(__file__).with_name("server.mjs")


class Node:
    """A process of Node.js, which runs any number of nets in WebAssembly.

    It lives in a ``with`` statement: ``with Node() as node: net = node.compiled(net, x, folder)``.
    """

    def __enter__(self) -> Node:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(["node", str(_SERVER)], stdin=pipe, stdout=pipe, encoding="utf-8")
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate()

    def compiled(self, net: nn.Module, x: Tensor, folder: pathlib.Path) -> Module:
        """Export a net for an input to a folder, and load it."""
        snn_export.export(net, x, format="wasm").write(folder)
        return Module(self, folder / "net.js")

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request, and return the answer.

        Raises:
            RuntimeError: If it is an error, with its text.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer


class Module:
    """A net in WebAssembly."""

    def __init__(self, node: Node, script: pathlib.Path) -> None:
        self._node = node
        facts = node.ask(load=script.resolve().as_uri())
        self._net, self.inputs, self.outputs = (facts[name] for name in ("net", "inputs", "outputs"))

    def reset(self) -> None:
        self._node.ask(net=self._net, reset=True)

    def __call__(self, x: Tensor) -> Tensor:
        value = x.flatten().contiguous()
        value = value.float() if value.is_floating_point() else value.int()
        answer = self._node.ask(net=self._net, floats=value.is_floating_point(), x=_text(value))
        return torch.frombuffer(bytearray(base64.b64decode(answer["out"])), dtype=_TYPES[answer["type"]])


def _text(values: Tensor) -> str:
    return base64.b64encode(bytes(values.view(torch.uint8).tolist())).decode("ascii")
