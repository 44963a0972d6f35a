"""Programs in processes of their own, in which chosen packages can be hidden."""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

# Wrapping the finders makes the packages as absent as those that were never installed.
HIDE = """
import sys
hidden = {hidden!r}
class Finder:
    def __init__(self, finder): self.finder = finder
    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in hidden else self.finder.find_spec(name, path, target)
    def __getattr__(self, name): return getattr(self.finder, name)
sys.meta_path[:] = [Finder(finder) for finder in sys.meta_path]
"""

# Has imported PyTorch, which takes seconds, and nothing of ours; a fork of it runs each program that it is sent, and
# ends without taking all modules apart.
FORKS = """
import json, os, sys, traceback, types
import torch
for line in sys.stdin:
    run = json.loads(line)
    child = os.fork()
    if not child:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()
for number, name in enumerate(run["streams"]):
    os.dup2(os.open(name, os.O_RDWR), number)
os.chdir(run["cwd"])
os.environ.clear()
os.environ.update(run["environment"])
sys.modules["__main__"] = types.ModuleType("__main__")
code = 0
try:
    exec(compile(run["program"], "<string>", "exec"), sys.modules["__main__"].__dict__)
except SystemExit as end:
    code = end.code or 0
except BaseException:
    traceback.print_exc()
    code = 1
sys.stdout.flush()
sys.stderr.flush()
os._exit(code)
"""


def new_python(program: str) -> subprocess.CompletedProcess:
    """Run a program in a new interpreter, which has imported nothing."""
    command = [sys.executable, "-c", f"import sys\n{program}"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def python(program: str, *, hidden: tuple[str, ...] = (), cwd: Path | None = None) -> subprocess.CompletedProcess:
    """Run a program in a new process, which has imported PyTorch and nothing of ours, without the hidden packages."""
    text = HIDE.format(hidden=hidden) + program
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        for stream in (out, err):
            stream.touch()
        streams = [os.devnull, str(out), str(err)]
        run = {"program": text, "streams": streams, "cwd": str(cwd or Path.cwd()), "environment": dict(os.environ)}
        process = forks()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(run) + "\n")
        process.stdin.flush()
        code = int(process.stdout.readline())
        return subprocess.CompletedProcess(text, code, out.read_text("utf-8"), err.read_text("utf-8"))


@functools.cache
def forks() -> subprocess.Popen[str]:
    """Start what runs programs, which ends with its input, as it does when this process ends."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", FORKS]
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
    atexit.register(process.communicate)
    return process
