"""The part of a page that a program writes."""

from __future__ import annotations

import pytest

from marked import Part

PART = Part("<!-- begin -->", "<!-- end -->")


def test_a_file_gets_its_part_anew(tmp_path):
    file = tmp_path / "page.md"
    file.write_text("Before\n<!-- begin -->\nold\n<!-- end -->\nafter\n", encoding="utf-8")
    for _ in range(2):
        PART.write(file, lambda: "×")
        assert file.read_text(encoding="utf-8") == "Before\n<!-- begin -->\n\n×\n\n<!-- end -->\nafter\n"
    assert PART.part(file.read_text(encoding="utf-8")) == "<!-- begin -->\n\n×\n\n<!-- end -->"


@pytest.mark.parametrize("text", ["", "# Page", "<!-- begin -->\n", "<!-- end -->\n<!-- begin -->"])
def test_a_page_that_lacks_a_line_is_refused_and_keeps_nothing(text: str):
    with pytest.raises(ValueError, match="needs the lines '<!-- begin -->' and '<!-- end -->', between which"):
        PART.put(text, lambda: pytest.fail("made for no page"))
    assert PART.part(text) == "<!-- begin -->\n<!-- end -->"
