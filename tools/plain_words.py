"""Check that the text of the workspace is plain American English: ``python tools/plain_words.py``.

It finds sentences that read as translated, not all that could be better: rules of style are in CONTRIBUTING.md.
"""

from __future__ import annotations

import ast
import itertools
import pathlib
import re
import sys
from collections.abc import Collection, Iterator

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


def spelling(text: str) -> list[str]:
    """List the words of a text that are spelled as in British English.

    Example:
        >>> spelling("A neighbour of grey colour optimises LabelledTensors.")
        ['neighbour', 'grey', 'colour', 'optimises']
    """
    return [word for word in _BRITISH.findall(text.replace(_TITLES, "")) if not _EXCEPT.fullmatch(word)]


def phrases(text: str) -> list[str]:
    """List the phrases of a text that read as translated, such as "is no number" in place of "is not a number".

    Example:
        >>> phrases("It is no number, there is no file, and this is no longer so: one label a sample.")
        ['is no number', 'one label a sample']
    """
    return _NO.findall(text) + _TRANSLATED.findall(text)


def first_lines(tree: ast.Module) -> Iterator[tuple[int, str]]:
    r"""Find first lines of docstrings that begin with a noun clause, with their number; questions are left out.

    Example:
        >>> list(first_lines(ast.parse("def f():\n    'What it does.'\ndef g():\n    'Return it.'")))
        [(2, 'What it does.')]
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = (ast.get_docstring(node) or "").partition("\n")[0]
            if _FIRST_WORDS.match(first):
                yield node.body[0].lineno, first


def names(tree: ast.Module, words: Collection[str] = frozenset(NAMES)) -> Iterator[tuple[int, str]]:
    r"""Find variables and parameters whose name is a participle or a pronoun, by line; fields of a class are left out.

    Example:
        >>> list(names(ast.parse("def f(given):\n    found = given")))
        [(1, 'given'), (2, 'found')]
    """
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    fields = {id(node.target) for cls in classes for node in cls.body if isinstance(node, ast.AnnAssign)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in fields:
            name = node.id
        elif isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, ast.ExceptHandler) and node.name:
            name = node.name
        else:
            continue
        if name in words:
            yield node.lineno, name


def names_of_tests(tree: ast.Module) -> Iterator[tuple[int, str]]:
    r"""Find tests whose name is not a sentence in plain order, such as one that begins with a noun clause, by line.

    Example:
        >>> list(names_of_tests(ast.parse("def test_what_fails_is_told(): ...\ndef test_a_failure_is_reported(): ...")))
        [(1, 'test_what_fails_is_told')]
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and _NO_SENTENCE.match(node.name):
            yield node.lineno, node.name


def of_text(text: str) -> Iterator[tuple[int, str]]:
    r"""Find what is to be mended in a text, by line.

    Example:
        >>> list(of_text("Plain.\nIt is no colour."))
        [(2, '"is no colour": reads as translated'), (2, '"colour": American spelling')]
    """
    for number, line in enumerate(text.splitlines(), 1):
        for phrase in phrases(line):
            yield number, f'"{phrase}": reads as translated'
        for word in spelling(line):
            yield number, f'"{word}": American spelling'


def of_program(text: str, path: str) -> Iterator[tuple[int, str]]:
    r"""Find what is to be mended in a program, by line; tests and tools have a longer list of names.

    Example:
        >>> list(of_program("def f(one):\n    'Where it is.'", "tools/f.py"))
        [(2, '"Where it is.": begin with a verb, or a noun for a class'), (1, '"one": name it by a noun')]
    """
    yield from of_text(text)
    tree = ast.parse(text)
    for number, first in first_lines(tree):
        yield number, f'"{first}": begin with a verb, or a noun for a class'
    for number, name in names(tree, NAMES if _SOURCES.match(path) else NAMES | NAMES_OF_TESTS):
        yield number, f'"{name}": name it by a noun'
    for number, name in names_of_tests(tree):
        yield number, f'"{name}": a sentence with its subject first'


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
