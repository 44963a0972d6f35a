"""The replacement of one loop over time by ``snn.unroll``."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from snn.renaming.names import LeftAlone, called, pairs
from snn.renaming.source import Edit, Source
from snn.renaming.steps import Steps

__all__ = ["Change", "Place"]

_COLUMNS = 100
_FRESH = r"(init_\w+|reset_mem)\(\)"


@dataclass(frozen=True)
class Place:
    """A loop, the statements around it, the function that it is in, or the module, and the class."""

    loop: ast.For
    block: list[ast.stmt]
    scope: ast.AST
    owner: ast.ClassDef | None


class Change:
    """A replacement of a loop, of the statements that prepare it, and of the stacks of its lists."""

    def __init__(self, tree: ast.Module, place: Place, layers: dict[str, ast.Call], steps: Steps) -> None:
        self._tree, self._place, self._layers, self._steps = tree, place, layers, steps
        self._owner = place.owner.name if place.owner else ""
        self._last = steps.row[-1].removeprefix("self.")
        self._several = len(steps.outputs) > 1 and (
            not steps.passes(self._last) or any(output in steps.records for output in steps.outputs[1:])
        )

    def edits(self, source: Source) -> list[Edit]:
        """Return what to replace.

        Raises:
            LeftAlone: If the program would then do something else.
        """
        removed, stacks = self._prepared(), self._stacks()
        seen = {id(node) for part in (self._place.loop, *removed, *stacks) for node in ast.walk(part)}
        self._check_names(seen)
        edits = [source.without(statement) for statement in removed]
        for node, record in stacks.items():
            edits.append(source.without(node) if isinstance(node, ast.stmt) else source.of(node, record))
        for name, states in self._steps.states.items():
            self._check_neuron(name, bool(states), seen)
            if states:
                output = ", output=True" if name == self._last and self._several else ""
                edits.append(source.with_options(self._layers[name], f", init_hidden=True{output}"))
        return [*edits, source.of(self._place.loop, self._unroll())]

    def measure(self, file: str) -> str:
        """Return how to measure the gain with the command ``snn bench``."""
        made = self._net().replace("self.", "net.")
        how = f"makes net = {self._owner}(...) and returns {made}" if "net." in made else f"returns {made}"
        return f"to measure the gain, write make_net(), which {how}; then: snn bench {file}:make_net --shape T,B,..."

    def _prepared(self) -> list[ast.stmt]:
        """Return the statements that make the lists and reset the states."""
        missing = {record: rf"{record} = (\[\]|list\(\))" for record in self._steps.records.values()}
        for name, states in self._steps.states.items():
            start = f"{', '.join(states)} = " if states else ""
            missing[f"self.{name}"] = rf"{start}self\.{name}\.{_FRESH}" + ("" if states else r"|(\w+\.)*reset\(self\)")
        missing |= {net: rf"(\w+\.)*reset\({re.escape(net)}\)" for net in {*self._steps.row} & self._steps.nets}
        nets = {net.rpartition(".")[2] for net in {*self._steps.row} & self._steps.nets}
        removed: list[ast.stmt] = []
        for statement in reversed(self._place.block[: self._place.block.index(self._place.loop)]):
            texts = [f"{ast.unparse(target).strip('()')} = {ast.unparse(value)}" for target, value in pairs(statement)]
            texts = texts or [ast.unparse(statement)]
            known = {key for key, pattern in missing.items() if any(re.fullmatch(pattern, text) for text in texts)}
            if known and not texts[0].endswith("reset(self)"):
                if len(known) != len(texts):
                    raise LeftAlone(f"line {statement.lineno} sets other names too")
                removed.append(statement)
            elif missing and {*re.findall(r"\w+", ast.unparse(statement))} & (self._kept() | nets):
                raise LeftAlone(f"line {statement.lineno}, before the loop, uses what the loop changes")
            missing = {key: pattern for key, pattern in missing.items() if key not in known}
        if missing:
            raise LeftAlone(f"no statement before it resets {next(iter(missing))} or makes it empty")
        return removed

    def _kept(self) -> set[str]:
        """Return the names of states and lists."""
        return {state for names in self._steps.states.values() for state in names} | {*self._steps.records.values()}

    def _stacks(self) -> dict[ast.expr | ast.Assign, str]:
        """Return each stack of a list after the loop, or the assignment of it to the list's own name, and the list."""
        patterns = {record: rf"[\w.]+\({record}(, (dim=)?0)?\)" for record in self._steps.records.values()}
        stacks: dict[ast.expr | ast.Assign, str] = {}
        for node in ast.walk(self._place.scope):
            if isinstance(node, ast.Call) and called(node, self._steps.names) == "torch.stack":
                for record, pattern in patterns.items():
                    if re.fullmatch(pattern, ast.unparse(node)) and node.lineno > self._place.loop.lineno:
                        stacks[node] = record
        for statement in self._place.block:
            for target, value in pairs(statement):
                name = stacks.get(value)
                if name == ast.unparse(target) and isinstance(statement, ast.Assign) and statement.value is value:
                    del stacks[value]
                    stacks[statement] = name
        return stacks

    def _check_names(self, seen: set[int]) -> None:
        """Check that nothing else uses the names of the loop, until the statements after it set them again."""
        free: dict[str, int] = {}
        for statement in self._place.block[self._place.block.index(self._place.loop) + 1 :]:
            for target in statement.targets if isinstance(statement, ast.Assign) else ():
                for node in ast.walk(target):
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                        free.setdefault(node.id, statement.end_lineno or 0)
        names = self._steps.stored | self._kept()
        changed = {id(n.target) for n in ast.walk(self._place.scope) if isinstance(n, ast.AugAssign)}
        for node in ast.walk(self._place.scope):
            if isinstance(node, ast.Global | ast.Nonlocal) and names & {*node.names}:
                raise LeftAlone(f"line {node.lineno} shares a name of the loop")
            if not isinstance(node, ast.Name) or id(node) in seen:
                continue
            if isinstance(node.ctx, ast.Store) and id(node) not in changed:
                continue
            if node.id in names and node.lineno <= free.get(node.id, node.lineno):
                raise LeftAlone(f"line {node.lineno} uses {node.id} too, other than in torch.stack")

    def _check_neuron(self, name: str, passes: bool, seen: set[int]) -> None:
        """Check that a neuron has the options that are expected, and is used in this loop only."""
        call = self._layers[name]
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        if None in options or len(call.args) > 3 or any(isinstance(argument, ast.Starred) for argument in call.args):
            raise LeftAlone(f"line {call.lineno} passes the options of self.{name} by place or by **")
        returns = "True" if name == self._last and self._several else "False"
        expected = ("", "") if passes else ("True", returns)
        options_set = (options.get("init_hidden", ""), options.get("output", "" if passes else "False"))
        if options_set != expected:
            raise LeftAlone(f"line {call.lineno} makes self.{name} with an init_hidden or output that does not fit")
        if any(isinstance(n, ast.ClassDef) and self._owner in map(ast.unparse, n.bases) for n in ast.walk(self._tree)):
            raise LeftAlone(f"the program has a subclass of {self._owner}")
        others = [n for n in ast.walk(self._tree) if isinstance(n, ast.ClassDef) and n is not self._place.owner]
        apart = {id(node) for other in others for node in ast.walk(other)}
        for node in ast.walk(self._tree) if passes else ():
            is_it = isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Load)
            if is_it and id(node) not in seen | apart:
                raise LeftAlone(f"line {getattr(node, 'lineno', 0)} uses {name} too")

    def _net(self) -> str:
        row = self._steps.row
        return row[0] if len(row) == 1 else f"{self._steps.nn}.Sequential({', '.join(row)})"

    def _unroll(self) -> str:
        names = self._steps.names
        snn = next((name for name, full in names.items() if full == "snn"), None)
        if snn is None:
            raise LeftAlone("the program does not import snn as a whole")
        outputs = self._steps.outputs if self._several else self._steps.outputs[:1]
        target = ", ".join(self._steps.records.get(output, output) for output in outputs)
        line = f"{target} = {snn}.unroll({self._net()}, {self._steps.xs})"
        indent = " " * self._place.loop.col_offset
        if len(indent + line) <= _COLUMNS:
            return line
        return f"{target} = {snn}.unroll(\n{indent}    {self._net()},\n{indent}    {self._steps.xs},\n{indent})"
