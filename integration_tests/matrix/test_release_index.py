"""The folder of a release: the files, an index as PEP 503 describes it, and the site."""

from __future__ import annotations

import hashlib
import html.parser
import io
import pathlib
import tarfile
import zipfile

import pytest

from release import index

METADATA = "Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nRequires-Python: >=3.11,<4\n"


def built(folder: pathlib.Path, name: str, version: str) -> list[pathlib.Path]:
    """Write a wheel and an sdist of a distribution, with little in them."""
    folder.mkdir(parents=True, exist_ok=True)
    module, metadata = name.replace("-", "_"), METADATA.format(name=name, version=version)
    wheel, sdist = folder / f"{module}-{version}-py3-none-any.whl", folder / f"{module}-{version}.tar.gz"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr(f"{module}.py", "")
        packed.writestr(f"{module}-{version}.dist-info/METADATA", metadata)
        packed.writestr(f"{module}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        packed.writestr(f"{module}-{version}.dist-info/RECORD", "")
    with tarfile.open(sdist, "w:gz") as archive:
        entry = tarfile.TarInfo(f"{module}-{version}/PKG-INFO")
        entry.size = len(metadata)
        archive.addfile(entry, io.BytesIO(metadata.encode()))
    return [wheel, sdist]


class Links(html.parser.HTMLParser):
    """The links of a page, each with its attributes and its text."""

    def __init__(self, page: pathlib.Path) -> None:
        super().__init__()
        self.links: list[tuple[dict[str, str | None], str]] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links.append((dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.lasttag == "a":
            self.links[-1] = (self.links[-1][0], data.strip())


@pytest.fixture
def release(tmp_path: pathlib.Path) -> pathlib.Path:
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("the site", encoding="utf-8")
    files = [*built(tmp_path / "dist", "snn", "0.6.0"), *built(tmp_path / "dist", "snn-core", "0.6.0.dev0")]
    index.write(files, site, tmp_path / "release")
    return tmp_path / "release"


def test_the_index_lists_each_project_by_its_normalized_name(release: pathlib.Path):
    links = Links(release / "simple" / "index.html").links
    assert [(link["href"], text) for link, text in links] == [("snn/", "snn"), ("snn-core/", "snn-core")]


def test_each_link_leads_to_its_file_with_its_hash_and_its_python(release: pathlib.Path):
    page = release / "simple" / "snn-core" / "index.html"
    links = Links(page).links
    assert [text for _, text in links] == ["snn_core-0.6.0.dev0-py3-none-any.whl", "snn_core-0.6.0.dev0.tar.gz"]
    for link, text in links:
        place, _, digest = str(link["href"]).partition("#sha256=")
        file = (page.parent / place).resolve()
        assert file == release / "files" / text
        assert hashlib.sha256(file.read_bytes()).hexdigest() == digest
        assert link["data-requires-python"] == ">=3.11,<4"
    assert "&gt;=3.11,&lt;4" in page.read_text(encoding="utf-8")  # as PEP 503 says


def test_the_folder_has_checksums_and_the_site(release: pathlib.Path):
    lines = (release / "files" / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    assert {line.partition("  ")[2] for line in lines} == {f.name for f in release.glob("files/snn*")}
    assert (release / "html" / "index.html").read_text(encoding="utf-8") == "the site"


def test_an_earlier_release_is_replaced_and_nothing_else(release: pathlib.Path, tmp_path: pathlib.Path):
    index.write(built(tmp_path / "newer", "snn", "0.7.0"), tmp_path / "site", release)
    assert {file.name for file in release.glob("files/snn*")} == {"snn-0.7.0-py3-none-any.whl", "snn-0.7.0.tar.gz"}
    (release / "notes.txt").touch()
    other = tmp_path / "other" / "html"
    other.mkdir(parents=True)
    for folder in (release, tmp_path / "other", release / "notes.txt"):
        with pytest.raises(ValueError, match=r"must be empty or have an earlier release, got .*Fix: name another"):
            index.write([], tmp_path / "site", folder)
    assert (release / "notes.txt").exists()
    assert other.exists()
