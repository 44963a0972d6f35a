"""``python -m bench``: measure, print the tables, write everything as JSON.

Named workloads are measured alone. ``--quick`` measures little, to see that it works. ``--functions`` measures single
functions beside the peer's in place of nets, ``--programs`` whole training steps, ``--accuracy`` how well the tasks of
``snn demo`` are learned.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import Any

from bench import latency, machine, processes, report, tables
from bench.accuracy import __main__ as accuracy
from bench.functions import __main__ as functions
from bench.measure import Bench, Plan
from bench.page import page
from bench.peers.registry import PEERS
from bench.programs import __main__ as programs
from bench.programs.page import PART as PROGRAMS
from bench.workloads import WORKLOADS

__all__ = ["main", "parsed"]

_QUICK = ("W1a", "W2", "W4")
_OTHERS = {
    "functions": "measure single functions",
    "programs": "measure training steps",
    "accuracy": "train the tasks of the demo",
    "latency": "measure a step of a stream",
    "scaling": "measure one process and two",
}


def main(arguments: list[str] | None = None) -> None:
    """Run it.

    Args:
        arguments: Of the command line; those of this process when None.
    """
    by_session, typed = _split(arguments)
    rest = [word for word in typed if word not in {f"--{name}" for name in _OTHERS}]
    if "--accuracy" in typed:
        accuracy.main(rest, _command(typed))
        return
    if "--functions" in typed:
        if "snntorch" in by_session.absent:
            raise RuntimeError(f"snnTorch is not there to compare with: {by_session.absent['snntorch']}")
        pythons = {"snn": sys.executable, "snntorch": by_session.python.get("snntorch", sys.executable)}
        functions.main(rest, pythons, _command(typed))
        return
    if "--programs" in typed:
        programs.main(rest, by_session.python, by_session.absent, _command(typed))
        return
    if "--latency" in typed:
        latency.main(rest)
        return
    if "--scaling" in typed:
        processes.main(rest)
        return
    asked = parsed(arguments)
    names = asked.names or (_QUICK if asked.quick else tuple(WORKLOADS))
    is_whole = not (asked.names or asked.quick or asked.peers)
    described = machine.described()
    plan = Plan(
        rounds=asked.rounds or (2 if asked.quick else 6),
        anew=0 if asked.quick else asked.rounds or 6,
        seconds=0.05 if asked.quick else 0.3,
        memory=not asked.quick,
        sizes=(10, 100, 1000, 10000) if is_whole else (),
        threads=asked.threads or int(described["cores"]),
    )

    def measure() -> dict[str, Any]:
        with Bench(asked.python, asked.absent, plan, report.say, asked.peers) as bench:
            return {
                "command": asked.command,
                "machine": described | {"threads": plan.threads, "limits": bench.limits()},
                "peers": bench.peers,
                "rounds": plan.rounds,
                "workloads": {name: bench.workload(WORKLOADS[name]) for name in names},
                "scaling": [bench.scaling(axis) for axis in "TBN"] if plan.sizes else [],
                "date": report.today(),
            }

    report.run(asked, measure, tables.every, lambda text, found: page(found, PROGRAMS.kept(text)))


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: First what the session adds, ``--python`` and ``--absent``; then what was typed.

    Returns:
        The arguments, ``python`` and ``absent`` by environment; ``command``: what was typed.
    """
    by_session, by_user = _split(arguments)
    parser = report.parser("", "workload", WORKLOADS, "dist/bench.json")
    for name, what in _OTHERS.items():
        parser.add_argument(f"--{name}", action="store_true", help=f"{what}; --{name} --help")
    parser.add_argument("--quick", action="store_true", help="measure little, to see that it works")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=(), help="run only these beside ours")
    parser.add_argument("--rounds", type=int, help="rounds that count")
    asked = report.parse(parser, by_user)
    asked.python, asked.absent = by_session.python | {"": sys.executable}, by_session.absent
    asked.command = _command(by_user)
    return asked


def _split(arguments: list[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """Return the options of the session, from the environment and the command line."""
    session = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    pair = {"action": "append", "type": _pair, "default": []}
    session.add_argument("--python", **pair)
    session.add_argument("--absent", **pair)
    by_session, typed = session.parse_known_args(arguments)
    by_session.python, by_session.absent = dict(by_session.python), dict(by_session.absent)
    return by_session, typed


def _command(typed: list[str]) -> str:
    return shlex.join(["nox", "-s", "bench", *(["--", *typed] if typed else [])])


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


if __name__ == "__main__":
    main()
