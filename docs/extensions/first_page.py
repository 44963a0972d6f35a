"""Load the scripts of the drawing on the first page of the site, and on no other."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx

SCRIPTS = ("draw-net.js", "draw.js")


def load(app: Sphinx, pagename: str, *_: Any) -> None:
    """Add the scripts to the page that is the root of the site."""
    if pagename == app.config.root_doc:
        for script in SCRIPTS:
            app.add_js_file(script, loading_method="defer")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension, which acts when a page is written."""
    app.connect("html-page-context", load)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
