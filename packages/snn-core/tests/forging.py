"""Files of tensors taken apart and put together again by the format's description."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def parts(path: Path) -> tuple[dict[str, Any], bytes]:
    """Header and numbers of a file, read as the format's description says."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def forged(path: Path, change: Callable[[dict[str, Any]], Any], data: bytes | None = None) -> None:
    """The file again with a changed header, as well as it can be forged."""
    header, numbers = parts(path)
    change(header)
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + (numbers if data is None else data))


def resealed(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], None]:
    """A change of the manifest, with its checksum made right again."""

    def apply(header: dict[str, Any]) -> None:
        manifest = json.loads(header["__metadata__"]["snn"])
        change(manifest)
        text = json.dumps(manifest)
        header["__metadata__"] = {"snn": text, "snn.sha256": hashlib.sha256(text.encode()).hexdigest()}

    return apply
