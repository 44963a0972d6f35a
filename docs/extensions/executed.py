"""Under each Python block of a page, what it printed and drew when the page ran.

Running is the business of ``tools/pages.py``, as it is in the test of the pages: a page is one program, and one that
does not run to its end fails the build. With ``SNN_PAGES_KEPT`` set nothing runs: a page that has changed since it last
ran shows its programs alone. The blocks stay plain ``python`` fences, which every Markdown reader colors.
"""

from __future__ import annotations

import os
import pathlib
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

import pages
from workspace import ROOT

RECORDS = pathlib.Path(os.environ.get("SNN_PAGES", ROOT / "dist" / "pages"))
LOGGER = logging.getLogger(__name__)


def show(app: Sphinx, doctree: nodes.document) -> None:
    """Put the results of its blocks into a page."""
    page = f"{app.env.docname}.md"
    if not (ROOT / page).exists() or not pages.blocks((ROOT / page).read_text(encoding="utf-8")):
        return
    try:
        record = pages.recorded(page, RECORDS, anew=not os.environ.get("SNN_PAGES_KEPT"))
    except pages.PageError as error:
        LOGGER.warning("%s", error, location=app.env.docname, type="executed")
        return
    if record is None:
        return
    waiting = record.blocks
    for node in list(doctree.findall(nodes.literal_block)):
        # a block that is read only is none of those that ran
        if waiting and node.astext().strip() == waiting[0].code.strip():
            block, *waiting = waiting
            _show_one(node, block, (RECORDS / page).resolve())
    if waiting:
        LOGGER.warning("line %d: no block to show its result under", waiting[0].line, location=app.env.docname)


def _show_one(node: nodes.literal_block, block: pages.Block, folder: pathlib.Path) -> None:
    after: list[nodes.Node] = []
    if block.printed.strip():
        printed = nodes.literal_block(block.printed.rstrip(), block.printed.rstrip(), language="text")
        after.append(nodes.container("", printed, classes=["printed"]))
    place = node.parent.index(node)
    above = node.parent[place - 1] if place else None
    # a page that brings its pictures along, like the gallery, has this one above the block
    if not (isinstance(above, nodes.Element) and list(above.findall(nodes.image))):
        relative = [os.path.relpath(folder / picture, ROOT) for picture in block.pictures]
        alt = "What the program above draws"
        after += [nodes.image(uri=f"/{file}", alt=alt, classes=["drawn"]) for file in relative]
    for new in reversed(after):
        node.parent.insert(place + 1, new)


def setup(app: Sphinx) -> dict[str, Any]:
    """Before images are collected, so that the site takes the pictures along."""
    app.connect("doctree-read", show, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
