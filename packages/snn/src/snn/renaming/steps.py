"""The statements of one time step, read as a row of layers."""

from __future__ import annotations

import ast

from snn.renaming.names import STATES, LeftAlone, called, identifiers, own

__all__ = ["Steps"]

_FUNCTIONS = {
    "torch.relu": "ReLU",
    "torch.nn.functional.relu": "ReLU",
    "torch.nn.functional.max_pool2d": "MaxPool2d",
    "torch.nn.functional.avg_pool2d": "AvgPool2d",
}
_REASONS: dict[type[ast.AST], str] = {
    ast.Break: "it can end early (break)",
    ast.Continue: "it can skip a step (continue)",
    ast.If: "it takes branches (if)",
    ast.AugAssign: "it adds up values",
    ast.For: "it has another loop inside",
}
_READS = (".item()", ".tolist()", ".numpy()", "print(", "float(", "int(")


class Steps:
    """A loop over time that runs layers in a row, and keeps what the last one returns.

    Attributes:
        row: Programs of the layers in the order in which they run.
        xs: Program of the input of all steps.
        states: The names of the states that the loop passes to each neuron; none if the neuron keeps them.
        outputs: The names of what the last layer returns.
        nets: Programs of the nets that the program resets.
        records: The list for each output that the loop keeps.
        stored: All names that the loop sets.
    """

    def __init__(self, loop: ast.For, layers: dict[str, ast.Call], nets: set[str], names: dict[str, str]) -> None:
        """Read a loop with the layers of its class, the nets that are reset, and the imports.

        Raises:
            LeftAlone: If it does anything else.
        """
        self._loop, self._layers_made = loop, layers
        self.nets: set[str] = nets
        self.names: dict[str, str] = names
        self.nn: str = next((name for name, full in names.items() if full == "torch.nn"), "torch.nn")
        self.xs: str = ""
        self.row: list[str] = []
        self.states: dict[str, list[str]] = {}
        self.outputs: list[str] = []
        self.records: dict[str, str] = {}
        self.stored: set[str] = {
            n.id for n in ast.walk(loop) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        if loop.orelse or not isinstance(loop.target, ast.Name):
            raise LeftAlone("it has an else" if loop.orelse else "it loops over several things at once")
        self._step = loop.target.id
        for statement in loop.body:
            self._read(statement)
        made = [layer for layer in self.row if not layer.endswith(")")]
        if not self.records or len(made) > len(set(made)):
            raise LeftAlone("it runs a layer twice in a step" if self.records else "it keeps no output in a list")

    def passes(self, layer: str) -> bool:
        """Return True if the loop passes the states of a layer of the row."""
        return bool(self.states.get(layer.removeprefix("self.")))

    def _read(self, statement: ast.stmt) -> None:
        match statement:
            case ast.Expr(ast.Call(ast.Attribute(ast.Name(record), "append"), [ast.Name(value)], [])):
                if value not in self.outputs or value in self.records or record in self.records.values():
                    raise LeftAlone(f"{record} keeps {value}, which is not from the last layer, or is kept twice")
                self.records[value] = record
            case ast.Assign([target], value):
                if self.records:
                    raise LeftAlone(f"it keeps {next(iter(self.records))}, and more layers follow")
                if len(self.outputs) > 1 and not self.passes(self.row[-1]):
                    raise LeftAlone(f"more layers follow {self.row[-1]}, which returns several values")
                self.row += self._assigned(identifiers(target), value)
                self.outputs = identifiers(target)
            case _:
                text = ast.unparse(statement).splitlines()[0]
                reads = f"it reads a value into Python: {text}" if any(word in text for word in _READS) else ""
                raise LeftAlone(_REASONS.get(type(statement)) or reads or f"it runs `{text}`")

    def _assigned(self, targets: list[str], value: ast.expr) -> list[str]:
        """Return the layers of an assignment."""
        match value:
            case ast.Call(func, [inner, _, *_], []) if count := self._states_of(own(func)):
                states = [name for argument in value.args[1:] for name in identifiers(argument)]
                if states != targets[-count:] or len(targets) != count + (targets[0] not in states):
                    raise LeftAlone(f"{ast.unparse(func)} does not get the states that it returned in the step before")
                layers = [*self._layers(inner), ast.unparse(func)]
                self.states[own(func)] = states
                return layers
        return self._layers(value)

    def _states_of(self, name: str) -> int:
        return STATES.get(called(self._layers_made.get(name, self._loop), self.names), 0)

    def _layers(self, value: ast.expr) -> list[str]:
        """Return the layers that an expression runs, down to the output of the statement before or the input."""
        if self.outputs and isinstance(value, ast.Name) and value.id == self.outputs[0]:
            return []
        function = called(value, self.names)
        match value:
            case ast.Call(func, [inner], []) if own(func) in self._layers_made or ast.unparse(func) in self.nets:
                if self._states_of(own(func)):
                    self.states[own(func)] = []
                return [*self._layers(inner), ast.unparse(func)]
            case ast.Call(_, [inner, *options], []) if function in _FUNCTIONS and all(map(_is_constant, options)):
                arguments = ", ".join(map(ast.unparse, options))
                return [*self._layers(inner), f"{self.nn}.{_FUNCTIONS[function]}({arguments})"]
            case ast.Call(_, [inner, ast.Constant(1)], []) if function == "torch.flatten":
                return [*self._layers(inner), f"{self.nn}.Flatten()"]
            case ast.Call(ast.Attribute(inner, "flatten"), [ast.Constant(1)], []):
                return [*self._layers(inner), f"{self.nn}.Flatten()"]
            case ast.Call(ast.Attribute(inner, "view" | "reshape"), [size, rest], []) if ast.unparse(rest) == "-1":
                if ast.unparse(size) not in _sizes(ast.unparse(inner)):
                    raise LeftAlone(f"`{ast.unparse(value)}` can change the size of the batch; write .flatten(1)")
                return [*self._layers(inner), f"{self.nn}.Flatten()"]
            case ast.Name() | ast.Subscript() if not self.outputs:
                self.xs = self._input(value)
                return []
        text = ast.unparse(value)
        reads = f"it reads a value into Python: `{text}`" if any(word in text for word in _READS) else ""
        raise LeftAlone(reads or f"`{text}` is not a layer of torch.nn or snn that takes the value before it")

    def _input(self, value: ast.expr) -> str:
        """Return the input of all steps from that of one."""
        names = [n.id for statement in self._loop.body for n in ast.walk(statement) if isinstance(n, ast.Name)]
        if isinstance(self._loop.iter, ast.Call) and names.count(self._step) > isinstance(value, ast.Subscript):
            raise LeftAlone("it uses the step number")
        match self._loop.iter, value:
            case ast.Name(xs), ast.Name(x) if x == self._step and xs not in self.stored:
                return xs
            case ast.Call(ast.Name("range"), [count], []), ast.Name(x) if x not in self.stored:
                return f"{x}.expand({ast.unparse(count)}, *{x}.shape)"
            case ast.Call(ast.Name("range"), [count], []), ast.Subscript(ast.Name(xs), place) if xs not in self.stored:
                if ast.unparse(place) == self._step:
                    return xs if ast.unparse(count) in _sizes(xs) else f"{xs}[:{ast.unparse(count)}]"
        raise LeftAlone(f"its input `{ast.unparse(value)}` is not one tensor for all steps, or a tensor at each step")


def _is_constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Tuple) and all(map(_is_constant, node.elts)))


def _sizes(name: str) -> set[str]:
    """Return the forms of the size of a tensor along its first axis."""
    return {f"{name}.size(0)", f"{name}.shape[0]", f"len({name})"}
