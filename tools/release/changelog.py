"""Edit a list of changes: turn unreleased changes into the section of a version."""

from __future__ import annotations

import re

from packaging.version import Version

UNRELEASED = "Unreleased"
_HEADING = re.compile(r"^## \[(?P<name>[^\]]+)\](?: - (?P<date>\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)


def gather(text: str, version: str, date: str) -> str:
    r"""Turn the unreleased changes into the section of a version.

    A section of that version without a date is also unreleased, and becomes part of the new section.

    Raises:
        ValueError: If nothing is unreleased, or the version has a section with a date.

    Example:
        >>> print(gather("# Changes\n\n## [Unreleased]\n\n### Added\n\n- It.\n", "0.5.0", "2026-01-31"))
        # Changes
        <BLANKLINE>
        ## [0.5.0] - 2026-01-31
        <BLANKLINE>
        ### Added
        <BLANKLINE>
        - It.
        <BLANKLINE>
    """
    head, sections = _split(text)
    if any(name == version and dated for name, dated, _ in sections):
        raise ValueError(f"the list of changes has a section [{version}] with a date: it has been released")
    kinds: dict[str, list[str]] = {}
    for name, _, body in sections:
        if name in (UNRELEASED, version):
            for kind, entries in _kinds(body):
                kinds.setdefault(kind, []).append(entries)
    if not any(kinds.values()):
        raise ValueError(f"nothing is unreleased: list what {version} changes under [{UNRELEASED}]")
    body = "\n\n".join(f"### {kind}\n\n" + "\n".join(parts) for kind, parts in kinds.items())
    others = [(name, dated, inner) for name, dated, inner in sections if name not in (UNRELEASED, version)]
    return _join(head, [(version, date, body), *others])


def reopen(text: str) -> str:
    r"""Add an empty section for unreleased changes at the top, if there is none.

    Example:
        >>> reopen("# Changes\n\n## [0.5.0] - 2026-01-31\n\n- It.\n").splitlines()[2]
        '## [Unreleased]'
    """
    head, sections = _split(text)
    if any(name == UNRELEASED for name, _, _ in sections):
        return text
    return _join(head, [(UNRELEASED, "", ""), *sections])


def with_entry(text: str, entry: str) -> str:
    r"""Add an entry to the unreleased changes.

    Example:
        >>> text = with_entry("# Changes\n\n## [0.5.0] - 2026-01-31\n\n- It.\n", "More.")
        >>> is_unchanged(text), "- More." in text
        (False, True)
    """
    head, [(name, dated, body), *released] = _split(reopen(text))
    return _join(head, [(name, dated, f"- {entry}\n\n{body}".strip()), *released])


def is_unchanged(text: str) -> bool:
    r"""Return True if there are no unreleased changes.

    Example:
        >>> is_unchanged("# Changes\n\n## [Unreleased]\n\n## [0.5.0] - 2026-01-31\n\n- It.\n")
        True
    """
    return not any(_kinds(body) for _, dated, body in _split(text)[1] if not dated)


def released(text: str) -> str | None:
    r"""Return the last version that has been released, or None if there is none.

    Example:
        >>> released("# Changes\n\n## [Unreleased]\n\n## [0.5.0] - 2026-01-31\n\n- It.\n")
        '0.5.0'
    """
    return max((name for name, dated, _ in _split(text)[1] if dated), key=Version, default=None)


def _split(text: str) -> tuple[str, list[tuple[str, str, str]]]:
    """Split the text before the first section from the sections, each with name, date and body."""
    headings = list(_HEADING.finditer(text))
    starts = [match.start() for match in headings] + [len(text)]
    return text[: starts[0]].strip(), [
        (match["name"], match["date"] or "", text[match.end() : end].strip())
        for match, end in zip(headings, starts[1:], strict=True)
    ]


def _join(head: str, sections: list[tuple[str, str, str]]) -> str:
    parts = [head]
    for name, date, body in sections:
        parts += [f"## [{name}]" + (f" - {date}" if date else ""), *([body] if body else [])]
    return "\n\n".join(parts) + "\n"


def _kinds(body: str) -> list[tuple[str, str]]:
    """Return each ``###`` heading with the entries under it; entries without a heading count as changed."""
    before, *rest = re.split(r"^### (.+)$", body, flags=re.MULTILINE)
    kinds = [("Changed", before), *zip(rest[::2], rest[1::2], strict=True)]
    return [(kind, entries.strip()) for kind, entries in kinds if entries.strip()]
