"""Write ``dist/matrix.json`` and ``docs/compatibility.md`` from nox's report: ``python -m matrix``."""

from __future__ import annotations

import json
import sys

from matrix.page import PAGE, page
from matrix.results import REPORT, RESULT, collect


def main() -> int:
    """Write both files, print what did not pass, and return 1 if any session failed."""
    result = collect(json.loads(REPORT.read_text(encoding="utf-8")))
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(result), encoding="utf-8")
    for session in result["sessions"]:
        if session["verdict"] != "passed":
            print(f"{session['session']}: {session['verdict']}", file=sys.stderr)
    print(f"{len(result['sessions'])} sessions, {len(result['cells'])} cells, {result['verdict']}: {PAGE}, {RESULT}")
    return int(result["verdict"] != "passed")


if __name__ == "__main__":
    sys.exit(main())
