"""Show under each Python block of a page what it printed and drew when the page ran.

``tools/pages.py`` runs the pages, here and in the test of the pages: a page is one program, and a page that does not
run to its end fails the build. With ``SNN_PAGES_KEPT`` set, nothing runs: a page that has changed since it last ran
shows its programs without results. The blocks stay plain ``python`` fences, which every Markdown viewer highlights.
Blocks of tutorials are shown without the assertions that guard the page.
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
TUTORIALS = "docs/tutorials/"
LOGGER = logging.getLogger(__name__)


def show(app: Sphinx, doctree: nodes.document) -> None:
    """Insert the results of a page's blocks into the page."""
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
        # a block that is only meant to be read did not run
        if waiting and node.astext().strip() == waiting[0].code.strip():
            block, *waiting = waiting
            _show_one(node, block, (RECORDS / page).resolve())
            if app.env.docname.startswith(TUTORIALS):
                node.rawsource = pages.without_checks(block.code).rstrip()
                node.clear()
                node.append(nodes.Text(node.rawsource))
    if waiting:
        LOGGER.warning("line %d: no block on the page shows its result", waiting[0].line, location=app.env.docname)


def _show_one(node: nodes.literal_block, block: pages.Block, folder: pathlib.Path) -> None:
    after: list[nodes.Node] = []
    if block.printed.strip():
        printed = nodes.literal_block(block.printed.rstrip(), block.printed.rstrip(), language="text")
        after.append(nodes.container("", printed, classes=["printed"]))
    place = node.parent.index(node)
    above = node.parent[place - 1] if place else None
    # a page with its own pictures, like the gallery, already shows this one above the block
    if not (isinstance(above, nodes.Element) and list(above.findall(nodes.image))):
        relative = [os.path.relpath(folder / picture, ROOT) for picture in block.pictures]
        alt = "Picture drawn by the program above"
        after += [nodes.image(uri=f"/{file}", alt=alt, classes=["drawn"]) for file in relative]
    for new in reversed(after):
        node.parent.insert(place + 1, new)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension; it runs before images are collected, so that the site includes the pictures."""
    app.connect("doctree-read", show, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
