"""Write the bill of materials of a native wheel, in CycloneDX's JSON: what it is linked with and what it needs."""

from __future__ import annotations

import email
import hashlib
import io
import pathlib
import uuid
import zipfile

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from elftools.elf.elffile import ELFFile
from packageurl import PackageURL
from packaging.requirements import Requirement


def bill(wheel: pathlib.Path) -> str:
    """Return the bill of materials of one wheel; the same file gives the same bill.

    Its components are the distributions that the wheel's metadata requires and the shared libraries that its own
    libraries are linked with. The wheel contains none of these; the libraries that it does contain are listed under the
    wheel itself.

    Returns:
        JSON in the format of CycloneDX 1.6.

    Raises:
        ValueError: If the wheel contains no shared library.

    Source: https://cyclonedx.org/docs/1.6/json/
    """
    content = wheel.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        (metadata,) = (name for name in files.namelist() if name.endswith(".dist-info/METADATA"))
        about = email.message_from_bytes(files.read(metadata))
        libraries = {name: files.read(name) for name in files.namelist() if name.endswith(".so")}
    if not libraries:
        raise ValueError(f"{wheel.name} contains no shared library: only native wheels have a bill of materials")
    address = PackageURL("pypi", name=about["Name"], version=about["Version"])
    subject = Component(
        name=about["Name"],
        version=about["Version"],
        purl=address,
        bom_ref=str(address),
        licenses=[DisjunctiveLicense(id=about["License-Expression"])],
        hashes=_hashes(content),
        components=[
            Component(type=ComponentType.FILE, name=name, bom_ref=f"file:{name}", hashes=_hashes(data))
            for name, data in libraries.items()
        ],
    )
    components = [_required(text) for text in about.get_all("Requires-Dist", [])]
    # libraries of the system or of a required distribution, which are loaded but not in the wheel
    components += [
        Component(name=name, bom_ref=f"soname:{name}", scope=ComponentScope.REQUIRED)
        for name in {name for data in libraries.values() for name in _linked(data)}
    ]
    number = uuid.uuid5(uuid.NAMESPACE_OID, hashlib.sha256(content).hexdigest())
    document = Bom(components=components, serial_number=number, metadata=BomMetaData(component=subject))
    document.metadata.timestamp = None  # type: ignore[assignment]
    document.register_dependency(subject, components)
    return JsonV1Dot6(document).output_as_string(indent=2) + "\n"


def _required(text: str) -> Component:
    name = Requirement(text).name
    address = PackageURL("pypi", name=name)
    return Component(
        name=name,
        purl=address,
        bom_ref=str(address),
        scope=ComponentScope.REQUIRED,
        properties=[Property(name="python:requirement", value=text)],
    )


def _linked(library: bytes) -> list[str]:
    segments = ELFFile(io.BytesIO(library)).iter_segments(type="PT_DYNAMIC")
    return [tag.needed for dynamic in segments for tag in dynamic.iter_tags("DT_NEEDED")]


def _hashes(content: bytes) -> list[HashType]:
    return [HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(content).hexdigest())]
