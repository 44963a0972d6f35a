"""Check that the text of the workspace is plain American English: ``python tools/plain_words.py``.

It finds sentences that read as translated, not all that could be better: rules of style are in CONTRIBUTING.md.
"""

from __future__ import annotations

import ast
import itertools
import pathlib
import re
import sys
from collections.abc import Iterator

from workspace import ROOT

TEXTS = ("*.md", "docs/*.md", "docs/*/*.md", "packages/*/*.md")
PROGRAMS = ("noxfile.py", "docs/**/*.py", "integration_tests/**/*.py", "packages/**/*.py", "tools/**/*.py")
_BUILT = {".nox", ".venv", "_build", "build", "dist", "node_modules"}

NAMES = {"asked", "found", "given", "got", "one", "said", "told", "wanted"}
# also in tests and tools; sources use some of them for the state that a neuron keeps
NAMES_OF_TESTS = {"drawn", "kept", "made", "mine", "seen", "shown", "taken", "theirs"}
_SOURCES = re.compile(r"packages/[^/]+/src/")

_NO_SENTENCE = re.compile(
    r"test_(?:\d+_)?(?:(?:how|what|whatever|where|who|whoever|whose)_(?!are_|is_it|does_|do_)|(?:so|such)_(?:is|does|it)_"
    r"|\w*(?:(?<!there)_is_no_(?!longer|more)|(?<!there)_are_no_(?!longer|more)|_ones_own|_(?:is|are)_(?:said|told)(?:_|$)))"
)
_FIRST_WORDS = re.compile(r"(How|That|What|When|Where|Whether|Which|Who|Why)\b.*[^?]$")
_NO = re.compile(r"(?<!there )(?<!`)\b(?:is|are) no (?!longer\b|more than\b|less than\b)[a-z]+", re.IGNORECASE)
_TRANSLATED = re.compile(
    r"\b(?:that which|none of them 0|keeps none either|one [a-z]+ an? (?:sample|step|class)"
    r"|(?:computed|counted|drawn|made|measured|trained|written) anew)\b",
    re.IGNORECASE,
)
_BRITISH = re.compile(
    r"\b\w*(?:colour|behaviour|favour|neighbour|honour|flavour|labelled|labelling|modelled|modelling|centred"
    r"|(?:optim|initial|quant|normal|recogn|serial|synchron|discret|random|vector|parametr|summar|organ|general|minim"
    r"|maxim|regular|material|special|linear|penal)is(?:e|ed|es|er|ers|ing|ation|ations)\b)\w*"
    r"|\b(?:learnt|spelt|centre|centres|grey|licence|artefact|artefacts|judgement|analyse|analysed|fulfil)\b",
    re.IGNORECASE,
)
# our older public names, and the words of others
_EXCEPT = re.compile(r"labelled_?(tensors|sequences)\w*|not_optimised|op_?serialiser\w*", re.IGNORECASE)
_TITLES = "sequential modelling (2024)"


def of_text(text: str) -> Iterator[tuple[int, str]]:
    r"""Find what is to be mended in a text, by line: phrases that read as translated, and British spelling.

    Example:
        >>> list(of_text("A number.\nIt is no colour of LabelledTensors, there is no file, and it is no longer so."))
        [(2, '"is no colour": reads as translated'), (2, '"colour": American spelling')]
    """
    for number, line in enumerate(text.splitlines(), 1):
        for phrase in _NO.findall(line) + _TRANSLATED.findall(line):
            yield number, f'"{phrase}": reads as translated'
        for word in _BRITISH.findall(line.replace(_TITLES, "")):
            if not _EXCEPT.fullmatch(word):
                yield number, f'"{word}": American spelling'


def of_program(text: str, path: str) -> Iterator[tuple[int, str]]:
    r"""Find what is to be mended in a program, by line.

    A docstring does not begin with a noun clause; a variable or a parameter, unlike the field of a class, is named by
    a noun, for which tests and tools have a longer list; the name of a test is a sentence with its subject first.

    Example:
        >>> list(of_program("def f(one):\n    'Where it is.'", "tools/f.py"))
        [(1, '"one": name it by a noun'), (2, '"Where it is.": begin with a verb, or a noun for a class')]
    """
    yield from of_text(text)
    tree, words = ast.parse(text), NAMES if _SOURCES.match(path) else NAMES | NAMES_OF_TESTS
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    fields = {id(node.target) for cls in classes for node in cls.body if isinstance(node, ast.AnnAssign)}
    problems = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.arg | ast.ExceptHandler):
            stored = not isinstance(node, ast.Name) or (isinstance(node.ctx, ast.Store) and id(node) not in fields)
            name = node.id if isinstance(node, ast.Name) else node.arg if isinstance(node, ast.arg) else node.name
            if stored and name in words:
                problems.append((node.lineno, f'"{name}": name it by a noun'))
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = (ast.get_docstring(node) or "").partition("\n")[0]
            if _FIRST_WORDS.match(first):
                problems.append((node.body[0].lineno, f'"{first}": begin with a verb, or a noun for a class'))
            if isinstance(node, ast.FunctionDef) and _NO_SENTENCE.match(node.name):
                problems.append((node.lineno, f'"{node.name}": a sentence with its subject first'))
    yield from sorted(problems)


def main(root: pathlib.Path = ROOT) -> int:
    """Print each sentence and name to be mended; the exit status is 1 if there is any."""
    count = 0
    for path in sorted(set(itertools.chain.from_iterable(root.glob(pattern) for pattern in (*TEXTS, *PROGRAMS)))):
        inside = path.relative_to(root)
        if _BUILT & {*inside.parts} or inside.name == "plain_words.py" or inside.name == "test_plain_words.py":
            continue
        text, where = path.read_text(encoding="utf-8"), inside.as_posix()
        for number, problem in of_program(text, where) if path.suffix == ".py" else of_text(text):
            print(f"{where}:{number}: {problem}")
            count += 1
    print(f"{count} sentences or names to mend")
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main())
