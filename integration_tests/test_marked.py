"""The part of a page that a program writes."""

from __future__ import annotations

import pytest

from marked import Part

PART = Part("<!-- begin -->", "<!-- end -->")


def test_what_is_around_a_part_stays_and_writing_it_twice_changes_nothing():
    made = PART.put("Before\n<!-- begin -->\nold\n<!-- end -->\nafter\n", lambda: "new")
    assert made == "Before\n<!-- begin -->\n\nnew\n\n<!-- end -->\nafter\n"
    assert PART.put(made, lambda: "new") == made
    assert PART.kept(made) == "<!-- begin -->\n\nnew\n\n<!-- end -->"


@pytest.mark.parametrize("text", ["", "# Page", "<!-- begin -->\n", "<!-- end -->\n<!-- begin -->"])
def test_a_page_that_lacks_a_line_is_refused_and_keeps_nothing(text: str):
    with pytest.raises(ValueError, match="needs the lines '<!-- begin -->' and '<!-- end -->', between which"):
        PART.put(text, lambda: pytest.fail("made for no page"))
    assert PART.kept(text) == "<!-- begin -->\n<!-- end -->"
