"""The cost of reading a file, measured in its own process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

_PROGRAM = """
import json, resource, sys, time, warnings
from snn_nir.files.reading import read
from snn_nir.codes import NIRError
warnings.simplefilter("ignore")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
def timed(work):
    start = time.process_time()
    found = work()
    return found, time.process_time() - start
def outcome():
    try:
        read(path)
    except NIRError as error:
        return error.code, str(error)
    return "", ""
before = peak()
for path in sys.argv[1:]:
    found, seconds = timed(outcome)
    taken = peak() - before
    unit = 20 * timed(lambda: sum(range(5_000_000)))[1]
    if seconds > unit / 4:  # once more: other programs may have held it up
        seconds = min(seconds, timed(outcome)[1])
    print(json.dumps([*found, seconds / unit, taken]), flush=True)
"""


class Cost(NamedTuple):
    """Code and text of the refusal ("" if there was none), effort, and peak MiB over all files so far.

    The effort is the CPU time as a share of what adding up a hundred million numbers takes: of a second or two.
    """

    code: str
    text: str
    effort: float
    mebibytes: float


def cost(*paths: Path, timeout: float = 60) -> list[Cost]:
    """Read each file and tell what it cost; a crash or a hang of the process is an error."""
    words = [sys.executable, "-c", _PROGRAM, *map(str, paths)]
    process = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)
    assert process.returncode == 0, process.stderr[-2000:]
    return [Cost(*json.loads(line)) for line in process.stdout.splitlines()]
