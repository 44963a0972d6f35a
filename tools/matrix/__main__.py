"""Write ``dist/matrix.json`` and ``docs/compatibility.md`` from nox's report: ``python -m matrix``."""

from __future__ import annotations

import json
import sys

from matrix.page import PAGE, page
from matrix.results import REPORT, RESULT, collect


def main() -> int:
    """Write both files and print what did not pass.

    Returns:
        Exit code: 1 if any session failed.
    """
    found = collect(json.loads(REPORT.read_text(encoding="utf-8")))
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")
    for one in found["sessions"]:
        if one["verdict"] != "passed":
            print(f"{one['session']}: {one['verdict']}", file=sys.stderr)
    print(f"{len(found['sessions'])} sessions, {len(found['cells'])} cells, {found['verdict']}: {PAGE}, {RESULT}")
    return int(found["verdict"] != "passed")


if __name__ == "__main__":
    sys.exit(main())
