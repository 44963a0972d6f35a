"""``python -m bench --programs``: measure whole training steps, print the tables, write everything as JSON."""

from __future__ import annotations

import argparse
import datetime
import json
import pathlib
import sys

from bench import machine
from bench.programs import tables
from bench.programs.catalog import PROGRAMS
from bench.programs.contestants import CONTESTANTS, OWN
from bench.programs.measure import Plan, measured
from bench.programs.page import page

__all__ = ["main"]

_QUICK = ("population", "regression-2")


def main(arguments: list[str], pythons: dict[str, str], absent: dict[str, str], command: str) -> None:
    """Run it.

    Args:
        arguments: Of the command line, after ``--programs``.
        pythons: The interpreter of each environment by name; "" is this one.
        absent: Why an environment is not there, by name.
        command: What was typed.
    """
    parser = argparse.ArgumentParser(prog="nox -s bench -- --programs", allow_abbrev=False)
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=f"of {', '.join(PROGRAMS)}; all without")
    parser.add_argument("--peers", nargs="+", choices=CONTESTANTS, help="run only these beside ours")
    parser.add_argument("--quick", action="store_true", help="measure little, to see that it works")
    parser.add_argument("--rounds", type=int, help="rounds that count; 15 without")
    parser.add_argument("--batch", type=int, help="samples, in place of those of the programs")
    parser.add_argument("--steps", type=int, help="time steps, in place of those of the programs")
    parser.add_argument("--threads", type=int, help="of each library; all cores without")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("dist/bench-programs.json"))
    parser.add_argument("--page", type=pathlib.Path, help="write the section of the documentation too")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.programs if name not in PROGRAMS]
    if unknown:
        parser.error(f"no program {', '.join(unknown)}: choose from {', '.join(PROGRAMS)}")
    described = machine.described()
    plan = Plan(
        rounds=asked.rounds or (2 if asked.quick else 15),
        seconds=0.05 if asked.quick else 0.3,
        threads=asked.threads or int(described["cores"]),
        sizes={name: size for name in ("batch", "steps") if (size := getattr(asked, name))},
    )
    names = asked.programs or list(_QUICK if asked.quick else PROGRAMS)
    contestants = [name for name in CONTESTANTS if not asked.peers or name in {OWN, *asked.peers}]
    started = datetime.datetime.now(datetime.UTC)
    found = measured(names, contestants, {"": sys.executable} | pythons, absent, plan, _say) | {
        "command": command,
        "machine": described | {"threads": plan.threads},
        "rounds": plan.rounds,
        "sizes": plan.sizes,
        "date": f"{started:%Y-%m-%d}",
    }
    _say(f"took {(datetime.datetime.now(datetime.UTC) - started).total_seconds() / 60:.1f} minutes")
    print("\n\n".join(f"{one.title}\n\n{one.markdown()}" for one in tables.every(found)))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    _say(f"wrote {asked.out}")
    if asked.page:
        asked.page.write_text(page(asked.page.read_text(encoding="utf-8"), found), encoding="utf-8")
        _say(f"wrote {asked.page}")


def _say(text: str) -> None:
    print(f"{datetime.datetime.now():%H:%M:%S} {text}", file=sys.stderr, flush=True)
