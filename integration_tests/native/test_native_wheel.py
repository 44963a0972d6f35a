"""Tests of the contents of the native wheel, and of where installers use it."""

from __future__ import annotations

import email
import pathlib
import zipfile

import pytest
from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

from workspace import NATIVE_WHEELHOUSE, ROOT, built

LIBRARY = "snn_cpu/libsnn_cpu.so"


@pytest.fixture
def native() -> pathlib.Path:
    """The wheel with compiled code."""
    return built("snn-cpu", ".whl", NATIVE_WHEELHOUSE)


def files_in(wheel: pathlib.Path) -> dict[str, bytes]:
    """The files of a wheel, without folders."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def test_it_is_the_pure_wheel_and_the_library(native):
    pure, compiled = files_in(built("snn-cpu")), files_in(native)
    assert compiled.keys() == pure.keys() | {LIBRARY}
    bookkeeping = {name for name in pure if name.endswith((".dist-info/WHEEL", ".dist-info/RECORD"))}
    assert len(bookkeeping) == 2
    assert [name for name in pure.keys() - bookkeeping if compiled[name] != pure[name]] == []


def test_installers_prefer_it_where_it_fits_whatever_the_python(native):
    pure = built("snn-cpu")
    name, version, _, (tag,) = parse_wheel_filename(native.name)
    assert (name, version) == parse_wheel_filename(pure.name)[:2]
    assert (tag.interpreter, tag.abi) == ("py3", "none")
    assert tag.platform.startswith(("manylinux_2_", "musllinux_1_"))
    (anywhere,) = parse_wheel_filename(pure.name)[3]
    supported = list(sys_tags())  # the best first
    assert supported.index(tag) < supported.index(anywhere)


def test_it_says_that_it_is_for_one_platform(native):
    (text,) = (content for name, content in files_in(native).items() if name.endswith(".dist-info/WHEEL"))
    described = email.message_from_bytes(text)
    assert described["Root-Is-Purelib"] == "false"
    assert native.name.endswith(f"-{described['Tag']}.whl")


def test_its_library_names_no_folder_of_the_machine_that_built_it(native):
    library = files_in(native)[LIBRARY]
    assert library.startswith(b"\x7fELF")
    assert str(ROOT).encode() not in library
    assert b"site-packages" not in library
