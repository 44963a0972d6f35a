"""Check that built pages load nothing from other sites: ``python tools/offline.py dist/docs``.

Links may lead anywhere, since only a click follows them. What a page loads by itself (scripts, styles, fonts, pictures)
and the index that its search reads must be in the folder.
"""

from __future__ import annotations

import html.parser
import pathlib
import re
import sys

NOT_LOADED = {"canonical", "next", "prev", "index", "search", "author", "copyright", "help"}
STYLE = re.compile(r"""(?:url\(\s*['"]?|@import\s+['"])([^'")]+)""")


class Page(html.parser.HTMLParser):
    """The addresses that a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        addresses = [attributes.get("src", ""), attributes.get("poster", "")]
        addresses += [image.split()[0] for image in attributes.get("srcset", "").split(",") if image.strip()]
        if tag == "object":
            addresses.append(attributes.get("data", ""))
        if tag == "link" and not set(attributes.get("rel", "").split()) & NOT_LOADED:
            addresses.append(attributes.get("href", ""))
        self.loads += [*filter(None, addresses), *STYLE.findall(attributes.get("style", ""))]

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style":
            self.loads += STYLE.findall(data)


def requests(site: pathlib.Path) -> list[str]:
    """Return ``"file: address"`` for everything that the pages and styles of a site load from outside its folder.

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
        outside = (a for a in loads if not (a.startswith(("data:", "#")) or _is_inside(site, file, a)))
        results += [f"{file.relative_to(site)}: {address}" for address in outside]
    return results


def _is_inside(site: pathlib.Path, file: pathlib.Path, address: str) -> bool:
    target = (file.parent / address.partition("?")[0].partition("#")[0]).resolve()
    return target.exists() and target.is_relative_to(site.resolve())


if __name__ == "__main__":
    site = pathlib.Path(sys.argv[1])
    outside = requests(site)
    for line in outside:
        print(line)
    missing = [name for name in ("index.html", "docs/index.html", "searchindex.js") if not (site / name).exists()]
    sys.exit(f"{len(outside)} requests to other sites; missing files: {missing}" if outside or missing else 0)
