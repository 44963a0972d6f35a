"""Check that built pages need nothing from elsewhere: ``python tools/offline.py dist/docs``.

A link may lead anywhere, for it is followed when someone asks. What a page loads by itself (scripts, styles, fonts,
pictures) and what it searches in must lie in the folder.
"""

from __future__ import annotations

import html.parser
import pathlib
import re
import sys

LOADS = {"script": "src", "img": "src", "source": "src", "iframe": "src", "link": "href"}
NOT_LOADED = {"canonical", "next", "prev", "index", "search", "author", "copyright", "help"}
STYLE = re.compile(r"""(?:url\(\s*['"]?|@import\s+['"])([^'")]+)""")


class Page(html.parser.HTMLParser):
    """The addresses that a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        address = attributes.get(LOADS.get(tag, "")) or ""
        if address and not (tag == "link" and set((attributes.get("rel") or "").split()) & NOT_LOADED):
            self.loads.append(address)


def requests(site: pathlib.Path) -> list[str]:
    """Return what the pages and styles of a site load from outside its folder.

    Returns:
        ``"file: address"`` for each.

    Example:
        >>> import tempfile
        >>> site = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (site / "a.html").write_text('<a href="https://b.org">b</a><script src="//c.org/d.js"></script>')
        >>> requests(site)
        ['a.html: //c.org/d.js']
    """
    results = []
    for file in sorted([*site.rglob("*.html"), *site.rglob("*.css")]):
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".css":
            loads = STYLE.findall(text)
        else:
            page = Page()
            page.feed(text)
            loads = page.loads
        for address in loads:
            local = (file.parent / address.partition("?")[0].partition("#")[0]).exists()
            if not local and not address.startswith(("data:", "#")):
                results.append(f"{file.relative_to(site)}: {address}")
    return results


if __name__ == "__main__":
    site = pathlib.Path(sys.argv[1])
    outside = requests(site)
    for line in outside:
        print(line)
    missing = [name for name in ("index.html", "docs/index.html", "searchindex.js") if not (site / name).exists()]
    sys.exit(f"{len(outside)} requests off the site; missing: {missing}" if outside or missing else 0)
