"""What reading a file costs, measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

_PROGRAM = """
import json, resource, sys, time, warnings
from snn_nir.reading import read
from snn_nir.codes import NIRError
warnings.simplefilter("ignore")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
for path in sys.argv[1:]:
    start, code, text = time.process_time(), "", ""
    try:
        read(path)
    except NIRError as error:
        code, text = error.code, str(error)
    print(json.dumps([code, text, time.process_time() - start, peak() - before]), flush=True)
"""


class Cost(NamedTuple):
    """Code and text of the refusal ("" if there was none), CPU seconds, and peak MiB over all files so far."""

    code: str
    text: str
    seconds: float
    mebibytes: float


def cost(*paths: Path, timeout: float = 60) -> list[Cost]:
    """Read each file and tell what it cost; a crash or a hang of the process is an error."""
    words = [sys.executable, "-c", _PROGRAM, *map(str, paths)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [Cost(*json.loads(line)) for line in done.stdout.splitlines()]
