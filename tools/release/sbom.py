"""A bill of materials for a native wheel, in CycloneDX's JSON: what it is linked with and what it needs."""

from __future__ import annotations

import email
import hashlib
import io
import json
import pathlib
import uuid
import zipfile
from typing import Any

from packaging.requirements import Requirement

__all__ = ["bill"]

Component = dict[str, Any]


def bill(wheel: pathlib.Path) -> str:
    """The bill of materials of one wheel; the same file gives the same bill.

    Its components are the distributions that its metadata requires and the shared libraries that its own libraries are
    linked with, none of which the wheel holds; the files it does hold are under the wheel itself.

    Args:
        wheel: A wheel with shared libraries.

    Returns:
        JSON after CycloneDX 1.6.

    Raises:
        ValueError: If the wheel holds no shared library.

    Source: https://cyclonedx.org/docs/1.6/json/
    """
    content = wheel.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        (metadata,) = (name for name in files.namelist() if name.endswith(".dist-info/METADATA"))
        about = email.message_from_bytes(files.read(metadata))
        libraries = {name: files.read(name) for name in files.namelist() if name.endswith(".so")}
    if not libraries:
        raise ValueError(f"{wheel.name} holds no shared library: only native wheels have a bill of materials")
    digest = hashlib.sha256(content).hexdigest()
    subject = _distribution(about["Name"], about["Version"])
    subject |= {"licenses": [{"license": {"id": about["License-Expression"]}}], "hashes": [_hash(digest)]}
    subject["components"] = [
        {"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": [_hash(hashlib.sha256(data).hexdigest())]}
        for name, data in sorted(libraries.items())
    ]
    required = [_required(text) for text in about.get_all("Requires-Dist", [])]
    linked = [_linked(name) for name in sorted({name for data in libraries.values() for name in _needed(data)})]
    components = sorted(required + linked, key=lambda one: one["bom-ref"])
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "version": 1,
        "metadata": {"component": subject},
        "components": components,
        "dependencies": [
            {"ref": subject["bom-ref"], "dependsOn": [one["bom-ref"] for one in components]},
            *({"ref": one["bom-ref"]} for one in components),
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _distribution(name: str, version: str) -> Component:
    address = f"pkg:pypi/{name}@{version}"
    return {"type": "library", "bom-ref": address, "name": name, "version": version, "purl": address}


def _required(text: str) -> Component:
    requirement = Requirement(text)
    address = f"pkg:pypi/{requirement.name}"
    properties = [{"name": "python:requirement", "value": text}]
    return {
        "type": "library",
        "bom-ref": address,
        "name": requirement.name,
        "purl": address,
        "scope": "required",
        "properties": properties,
    }


def _linked(name: str) -> Component:
    """A shared library of the system, or of a required distribution, that is loaded and not shipped."""
    return {"type": "library", "bom-ref": f"soname:{name}", "name": name, "scope": "required"}


def _needed(library: bytes) -> list[str]:
    from elftools.elf.elffile import ELFFile  # of the session that releases, not of every one that reads this file

    found = ELFFile(io.BytesIO(library)).iter_segments(type="PT_DYNAMIC")
    return [tag.needed for dynamic in found for tag in dynamic.iter_tags("DT_NEEDED")]


def _hash(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}
