"""Make the search of the site show a certain page first for words that readers search for.

``found_first`` in ``conf.py`` lists the words by page. Each word becomes an entry of the index that leads to its page.
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
    """Warn of words whose page does not exist."""
    for page in app.config.found_first.keys() - env.found_docs:
        LOGGER.warning("found_first in conf.py names the page %s, which does not exist", page)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension, which enters the words of each page when the page has been read."""
    app.add_config_value("found_first", {}, "env", types=frozenset({dict}))
    app.connect("doctree-read", enter)
    app.connect("env-check-consistency", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
