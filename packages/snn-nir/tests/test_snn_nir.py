"""Tests of the package as a whole."""

from __future__ import annotations

import importlib.metadata
import re
import types

import snn_nir
from snn_nir.codes import CODES

PUBLIC_MODULES = ["codes", "export_nir", "import_nir", "primitives"]


def test_the_version_is_that_of_the_installed_distribution():
    assert snn_nir.__version__ == importlib.metadata.version("snn-nir")


def test_every_public_name_is_there():
    assert all(hasattr(snn_nir, name) for name in snn_nir.__all__)


def test_every_public_module_names_what_is_public():
    modules = [value for name in snn_nir.__all__ if isinstance(value := getattr(snn_nir, name), types.ModuleType)]
    assert {module.__name__.rpartition(".")[2] for module in modules} == {
        "codes",
        "export_nir",
        "import_nir",
        "primitives",
    }
    for module in modules:
        assert all(hasattr(module, name) for name in module.__all__), module.__name__


def test_every_code_has_its_form_and_its_remedy():
    assert all(re.fullmatch(r"NIR[1-5]\d\d", code) for code in CODES)
    assert all(entry.meaning and entry.remedy for entry in CODES.values())


def test_it_needs_no_umbrella():
    needed = importlib.metadata.requires("snn-nir") or []
    assert not [name for name in needed if re.match(r"snn(\W|$)(?!core)", name) and not name.startswith("snn-core")]
