"""``python -m bench``: measure, print the tables, write everything as JSON.

If workloads are named, only those are measured. ``--quick`` measures little, to check that everything works. Instead of
nets, ``--functions`` measures single functions and the peer's, ``--programs`` whole training steps, ``--accuracy`` how
well the tasks of ``snn demo`` are learned, ``--latency`` one step of a stream, ``--scaling`` one process and two, and
``--windows`` steps with a sparse backward.
"""

from __future__ import annotations

from typing import Any

from bench import accuracy, latency, processes, report, windows
from bench.functions import measure as functions
from bench.layers import every, page
from bench.measure import Bench
from bench.peers.registry import PEERS
from bench.programs import command as programs
from bench.programs.page import PART as PROGRAMS
from bench.workloads import WORKLOADS

_QUICK = ("W1a", "W2", "W4")
_OTHERS = {
    "--functions": (functions.main, "measure single functions"),
    "--programs": (programs.main, "measure training steps"),
    "--accuracy": (accuracy.main, "train the tasks of the demo"),
    "--latency": (latency.main, "measure a step of a stream"),
    "--scaling": (processes.main, "measure one process and two"),
    "--windows": (windows.main, "measure steps with a sparse backward"),
}


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark, with the arguments of this process unless others are given."""
    session = report.session(arguments)
    for option, (run, _) in _OTHERS.items():
        if option in session.words:
            session.words.remove(option)
            run(session)
            return
    parser = report.parser("", "workload", WORKLOADS, "dist/bench.json", _QUICK, rounds=6)
    for option, (_, what) in _OTHERS.items():
        parser.add_argument(option, action="store_true", help=f"{what}; {option} --help")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=(), help="run only these besides ours")
    options = report.parse(parser, session.words)
    is_whole = options.names == options.known and not (options.quick or options.peers)
    anew, sizes = 0 if options.quick else options.rounds, (10, 100, 1000, 10000) if is_whole else ()
    plan = report.plan(options, 0.3, anew=anew, sizes=sizes)

    def measure() -> dict[str, Any]:
        with Bench(session.python, session.absent, plan, options.peers) as bench:
            return {
                "machine": {"threads": plan.threads, "limits": bench.limits()},
                "peers": bench.peers,
                "rounds": plan.rounds,
                "workloads": {name: bench.workload(WORKLOADS[name]) for name in options.names},
                "scaling": [bench.scaling(axis) for axis in "TBN"] if plan.sizes else [],
            }

    report.run(session, options, measure, every, lambda text, results: page(results, PROGRAMS.part(text)))


if __name__ == "__main__":
    main()
