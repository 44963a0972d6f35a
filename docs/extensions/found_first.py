"""Words that readers search for, each with the page that the search of the site shows first.

``found_first`` in ``conf.py`` names them by page. A word is an entry of the index whose main place is the page.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)


def enter(app: Sphinx, doctree: nodes.document) -> None:
    """Enter the words of a page into the index that the search reads."""
    words = app.config.found_first.get(app.env.docname, [])
    section = next(iter(doctree.findall(nodes.section)), None)
    if words and section is not None:
        entries = [("single", word, section["ids"][0], "main", None) for word in words]
        section.insert(0, addnodes.index(entries=entries))


def check(app: Sphinx, env: Any) -> None:
    """Warn of words whose page is not there."""
    for page in app.config.found_first.keys() - env.found_docs:
        LOGGER.warning("found_first names %s, which is not there", page)


def setup(app: Sphinx) -> dict[str, Any]:
    """Enter the words when a page has been read."""
    app.add_config_value("found_first", {}, "env", types=frozenset({dict}))
    app.connect("doctree-read", enter)
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
