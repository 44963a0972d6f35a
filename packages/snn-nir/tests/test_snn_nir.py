"""What the package promises as a whole."""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
import re

import snn_nir
from snn_nir.codes import CODES


def test_the_version_is_that_of_the_installed_distribution():
    assert snn_nir.__version__ == importlib.metadata.version("snn-nir")


def test_every_public_name_is_there():
    assert all(hasattr(snn_nir, name) for name in snn_nir.__all__)


def test_every_module_names_what_is_public():
    for module in pkgutil.walk_packages(snn_nir.__path__, "snn_nir."):
        if not module.name.rpartition(".")[2].startswith("_"):
            found = importlib.import_module(module.name)
            assert all(hasattr(found, name) for name in found.__all__), module.name


def test_every_code_has_its_form_and_its_remedy():
    assert all(re.fullmatch(r"NIR[1-5]\d\d", code) for code in CODES)
    assert all(entry.meaning and entry.remedy for entry in CODES.values())


def test_it_needs_no_umbrella():
    needed = importlib.metadata.requires("snn-nir") or []
    assert not [name for name in needed if re.match(r"snn(\W|$)(?!core)", name) and not name.startswith("snn-core")]
