"""``python -m bench``: measure, print the tables, write everything as JSON.

Named workloads are measured alone. ``--quick`` measures little, to see that it works. ``--functions`` measures single
functions beside the peer's in place of nets, ``--programs`` whole training steps, ``--accuracy`` how well the tasks of
``snn demo`` are learned.
"""

from __future__ import annotations

import argparse
import datetime
import json
import pathlib
import shlex
import sys

from bench import latency, machine, processes, tables
from bench.accuracy import __main__ as accuracy
from bench.functions import __main__ as functions
from bench.measure import Bench, Plan
from bench.page import page
from bench.peers.registry import PEERS
from bench.programs import __main__ as programs
from bench.programs.page import kept
from bench.workloads import WORKLOADS

__all__ = ["main", "parsed"]

_QUICK = ("W1a", "W2", "W4")


def main(arguments: list[str] | None = None) -> None:
    """Run it.

    Args:
        arguments: Of the command line; those of this process when None.
    """
    by_session, typed = _split(arguments)
    if "--accuracy" in typed:
        accuracy.main([one for one in typed if one != "--accuracy"], _command(typed))
        return
    if "--functions" in typed:
        if "snntorch" in by_session.absent:
            raise RuntimeError(f"snnTorch is not there to compare with: {by_session.absent['snntorch']}")
        pythons = {"snn": sys.executable, "snntorch": by_session.python.get("snntorch", sys.executable)}
        functions.main([one for one in typed if one != "--functions"], pythons, _command(typed))
        return
    if "--programs" in typed:
        rest = [one for one in typed if one != "--programs"]
        programs.main(rest, by_session.python, by_session.absent, _command(typed))
        return
    if "--latency" in typed:
        latency.main([one for one in typed if one != "--latency"])
        return
    if "--scaling" in typed:
        processes.main([one for one in typed if one != "--scaling"])
        return
    asked = parsed(arguments)
    names = asked.workloads or (_QUICK if asked.quick else tuple(WORKLOADS))
    is_whole = not (asked.workloads or asked.quick or asked.peers)
    described = machine.described()
    threads = asked.threads or int(described["cores"])
    plan = Plan(
        rounds=asked.rounds or (2 if asked.quick else 6),
        anew=0 if asked.quick else asked.rounds or 6,
        seconds=0.05 if asked.quick else 0.3,
        memory=not asked.quick,
        sizes=(10, 100, 1000, 10000) if is_whole else (),
        threads=threads,
    )
    started = datetime.datetime.now(datetime.UTC)
    with Bench(asked.python, asked.absent, plan, _say, asked.peers) as bench:
        found = {
            "command": asked.command,
            "machine": described | {"threads": threads, "limits": bench.limits()},
            "peers": bench.peers,
            "rounds": plan.rounds,
            "workloads": {name: bench.workload(WORKLOADS[name]) for name in names},
            "scaling": [bench.scaling(axis) for axis in "TBN"] if plan.sizes else [],
        }
    found["date"] = f"{started:%Y-%m-%d}"
    _say(f"took {(datetime.datetime.now(datetime.UTC) - started).total_seconds() / 60:.1f} minutes")
    print("\n\n".join(f"{one.title}\n\n{one.markdown()}" for one in tables.every(found)))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    _say(f"wrote {asked.out}")
    if asked.page:
        section = kept(asked.page.read_text(encoding="utf-8") if asked.page.exists() else "")
        asked.page.write_text(page(found, section), encoding="utf-8")
        _say(f"wrote {asked.page}")


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line.

    Args:
        arguments: First what the session adds, ``--python`` and ``--absent``; then what was typed.

    Returns:
        The arguments, ``python`` and ``absent`` by environment; ``command``: what was typed.
    """
    by_session, by_user = _split(arguments)
    parser = argparse.ArgumentParser(prog="nox -s bench --")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)}; all without")
    parser.add_argument("--functions", action="store_true", help="measure single functions; --functions --help")
    parser.add_argument("--programs", action="store_true", help="measure training steps; --programs --help")
    parser.add_argument("--accuracy", action="store_true", help="train the tasks of the demo; --accuracy --help")
    parser.add_argument("--latency", action="store_true", help="measure a step of a stream; --latency --help")
    parser.add_argument("--scaling", action="store_true", help="measure one process and two; --scaling --help")
    parser.add_argument("--quick", action="store_true", help="measure little, to see that it works")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=(), help="run only these beside ours")
    parser.add_argument("--rounds", type=int, help="rounds that count")
    parser.add_argument("--threads", type=int, help="of each library; all cores without")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("dist/bench.json"), help="the JSON file")
    parser.add_argument("--page", type=pathlib.Path, help="write the page of the documentation too")
    asked = parser.parse_args(by_user)
    unknown = [name for name in asked.workloads if name not in WORKLOADS]
    if unknown:
        parser.error(f"no workload {', '.join(unknown)}: choose from {', '.join(WORKLOADS)}")
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


def _say(text: str) -> None:
    print(f"{datetime.datetime.now():%H:%M:%S} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
