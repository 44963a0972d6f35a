"""Write each tutorial as a notebook into the site, and link to it at the top of its page."""

from __future__ import annotations

import pathlib
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

import notebooks
from workspace import ROOT

PAGES = {page.relative_to(ROOT).with_suffix("").as_posix() for page in notebooks.tutorials()}


def link(app: Sphinx, doctree: nodes.document) -> None:
    """Insert the link below the title of a tutorial."""
    title = next(iter(doctree.findall(nodes.title)), None)
    if app.env.docname in PAGES and title is not None:
        file = f"{pathlib.PurePosixPath(app.env.docname).name}.ipynb"
        text = f'<p class="notebook"><a href="{file}" download>Download this page as a notebook</a></p>'
        title.parent.insert(1, nodes.raw("", text, format="html"))


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the notebooks beside their pages."""
    if error is None:
        notebooks.write(pathlib.Path(app.outdir) / "docs" / "tutorials")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension."""
    app.connect("doctree-read", link)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
