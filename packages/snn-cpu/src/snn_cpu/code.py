"""Code for the machine of the compiled library: instructions on one accumulator and rows of memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["BINARY", "UNARY", "Node", "Row", "assembled"]

_OPERATIONS = (
    *("load", "store", "add", "sub", "rsub", "mul", "div", "rdiv"),
    *("minimum", "rminimum", "maximum", "rmaximum", "pow", "rpow"),
    *("gt", "ge", "lt", "le", "eq", "ne", "and", "or", "xor"),
    *("where", "where_true", "where_false", "clamp"),
    *("add_mul", "sub_mul", "rsub_mul", "sub_fired", "mul_kept"),
    *("neg", "abs", "reciprocal", "square", "sqrt", "rsqrt", "exp", "expm1", "log", "log1p", "tanh", "sigmoid"),
    *("sin", "cos", "sign", "floor", "round", "not"),
)
_NUMBERS = {name: number for number, name in enumerate(_OPERATIONS)}  # as in csrc/program.h

# with the second operand in the accumulator instead of the first
_TURNED = {"sub": "rsub", "div": "rdiv", "minimum": "rminimum", "maximum": "rmaximum", "pow": "rpow"}
_TURNED |= {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
_FORMS = {"where": ("where", "where_true", "where_false"), "clamp": ("clamp",)}
# operations that take a product as their second operand, or as their first
_WITH_PRODUCT = {"add": ("add_mul", "add_mul"), "sub": ("sub_mul", "rsub_mul")}

BINARY = frozenset({"add", "sub", "mul", "div", "minimum", "maximum", "pow", *_OPERATIONS[14:23]})
UNARY = frozenset(_OPERATIONS[32:])


class Row(NamedTuple):
    """The place of a value that no instruction computes: a slot of some kind."""

    kind: str
    index: int = 0
    scalar: bool = False
    number: float | None = None


class Node(NamedTuple):
    """A value: the value of a ``Row``, or the result of an operation on other nodes, by their numbers."""

    operation: str
    operands: tuple[Any, ...]


_Ways = dict[int, tuple[str, tuple[int, ...]]]
"""The instruction that computes a node: by the node in the accumulator, its name and its operands in memory."""


def assembled(
    nodes: Sequence[Node], outputs: Sequence[tuple[Row, int]], readable: frozenset[str], slots: Mapping[Row, int]
) -> tuple[list[tuple[int, int, int]], int]:
    """Return the code that computes outputs, and the number of its temporary rows.

    Args:
        nodes: Every value, after the values from which it is computed.
        outputs: The row of each output, and the node that it holds.
        readable: The kinds of output rows that may be read again.
        slots: The number of each row's slot; the slots of temporary rows follow.

    Returns:
        Instructions as (operation, first operand, second operand), and the number of temporary rows.
    """
    ends: dict[int, list[Row]] = {}
    for row, node in outputs:
        ends.setdefault(node, []).append(row)
    ways = _chosen(nodes, ends)
    return _written(nodes, ways, _ordered(ways, ends), ends, readable, slots)


def _chosen(nodes: Sequence[Node], ends: Collection[int]) -> dict[int, _Ways]:
    """Return the instructions that compute some nodes and all that they depend on, none for the value of a row."""
    users: dict[int, list[int]] = {node: [] for node in ends}
    for node, (operation, operands) in reversed([*enumerate(nodes)]):
        if node in users and operation != "row":
            for operand in operands:
                users.setdefault(operand, []).append(node)
    kept = {node for node, by in users.items() if len(by) > 1 and not _is_reset(nodes, node, by)}
    kept.update(ends, (node for node in users if nodes[node].operation == "row"))
    ways: dict[int, _Ways] = {}
    waiting = [*ends]
    while waiting:
        node = waiting.pop()
        if node not in ways:
            ways[node] = _ways(nodes, node, kept)
            waiting += _operands(ways[node])
    return ways


def _is_reset(nodes: Sequence[Node], node: int, users: Sequence[int]) -> bool:
    """Return True for ``1 - (b > c)`` of rows if only products are computed from it, each by one instruction."""
    operation, operands = nodes[node]
    if operation != "sub" or nodes[operands[1]].operation != "gt" or not _is_one(nodes[operands[0]]):
        return False
    rows = all(nodes[compared].operation == "row" for compared in nodes[operands[1]].operands)
    return rows and all(nodes[user].operation == "mul" and nodes[user].operands.count(node) == 1 for user in users)


def _is_one(node: Node) -> bool:
    return node.operation == "row" and node.operands[0].number == 1.0


def _ways(nodes: Sequence[Node], node: int, kept: set[int]) -> _Ways:
    """Return the instruction that computes a node, for each operand that may be in the accumulator.

    Args:
        nodes: All nodes.
        node: The node to compute.
        kept: The nodes that lie in rows anyway, so that no instruction computes them on its way.
    """
    operation, operands = nodes[node]
    if operation == "row":
        return {}
    pairs = [(0, *operands), (1, *operands[::-1])] if len(operands) == 2 else []
    combined = [
        (first, way) for place, first, second in pairs if (way := _combined(nodes, operation, place, second, kept))
    ]
    gains = [c for c in combined if kept.issuperset(c[1][1])] or [c for c in combined if c[0] not in kept]
    if gains:
        return dict(gains[:1])
    names = _FORMS.get(operation, (operation, _TURNED.get(operation, operation)))
    ways: _Ways = {}
    for place, (name, source) in enumerate(zip(names, operands, strict=False)):
        ways.setdefault(source, (name, operands[:place] + operands[place + 1 :]))
    return ways


def _combined(
    nodes: Sequence[Node], operation: str, place: int, second: int, kept: set[int]
) -> tuple[str, tuple[int, ...]] | None:
    """Return the instruction that computes an operation and one of its operands at once, if there is one.

    Args:
        nodes: All nodes.
        operation: The operation.
        place: The place of its other operand, which is in the accumulator.
        second: The operand that it computes on the way.
        kept: The nodes that lie in rows anyway.
    """
    name, operands = nodes[second]
    if second in kept or len(operands) != 2:
        return None
    for fired, amount in (operands, operands[::-1]):
        compared = nodes[fired]
        if fired not in kept and compared.operation == "gt":
            if operation == "mul" and name == "sub" and _is_one(nodes[amount]) and fired == operands[1]:
                return "mul_kept", compared.operands
            if operation == "sub" and name == "mul" and place == 0 and compared.operands[1] == amount:
                return "sub_fired", compared.operands
    return (_WITH_PRODUCT[operation][place], operands) if operation in _WITH_PRODUCT and name == "mul" else None


def _operands(ways: _Ways) -> set[int]:
    """Return the operands of an instruction, which are the same whichever of them is in the accumulator."""
    return {*ways, *(next(iter(ways.values()))[1] if ways else ())}


def _ordered(ways: Mapping[int, _Ways], ends: Collection[int]) -> list[int]:
    """Return the nodes in an order in which few values are stored and loaded.

    The operands of an instruction are computed ahead of it, and last the one that may stay in the accumulator. Before
    a value leaves the accumulator, one of the values is computed that follow from it and lie in a row anyway.
    """
    readers: dict[int, list[int]] = {node: [] for node in ways}
    for reader, sources in ways.items():
        for operand in _operands(sources):
            readers[operand].append(reader)
    kept = {node for node in ways if node in ends or len(readers[node]) > 1}
    rows = [node for node in ends if not ways[node]]
    done, order, waiting = {node for node in ways if not ways[node]}, list[int](), sorted(ends)
    while waiting:
        node = waiting.pop()
        if node in done:
            continue
        ahead = _operands(ways[node]) - done
        if not ahead and order and order[-1] not in ways[node]:
            follow = [n for n in readers[order[-1]] if n in kept and n not in done and order[-1] in ways[n]]
            ahead = {n for n in follow[:1] if _operands(ways[n]) <= done}
        if ahead:
            waiting += [node, *sorted(ahead, key=lambda n: (n not in ways[node], n in kept, n))]
        else:
            done.add(node)
            order.append(node)
    return order + rows


def _written(
    nodes: Sequence[Node],
    ways: Mapping[int, _Ways],
    order: Sequence[int],
    ends: Mapping[int, Sequence[Row]],
    readable: frozenset[str],
    slots: Mapping[Row, int],
) -> tuple[list[tuple[int, int, int]], int]:
    """Return the code that computes nodes in an order, in which values lie in rows only while they are needed."""
    code: list[tuple[Any, ...]] = []
    places = {node: slots[nodes[node].operands[0]] for node in ways if not ways[node]}
    last = {operand: i for i, node in enumerate(order) for operand in _operands(ways[node])}
    # rows for values, and until when: those of outputs until they are computed, and temporary ones
    free = {(i, slots[row]) for i, node in enumerate(order) for row in ends.get(node, ()) if row.kind in readable}
    taken: dict[int, tuple[int, int]] = {}
    count, value = len(slots), -1  # the value in the accumulator
    for i, node in enumerate(order):
        sources = ways[node] or {node: ("load", ())}
        source = value if value in sources else min(sources, key=lambda s: _is_scalar(nodes[s]))
        name, rest = sources[source]
        if value not in places and (value in rest or last.get(value, -1) > i):
            row = min([row for row in free if row[0] >= last[value]], default=(len(order), count))
            free.discard(row)
            count = max(count, row[1] + 1)
            taken[value], places[value] = row, row[1]
            code.append(("store", row[1]))
        if source != value:
            code.append(("load", places[source]))
        if ways[node]:
            code.append((name, *[places[operand] for operand in rest]))
        free.update([taken.pop(n) for n in {source, *rest} if n in taken and last[n] == i])
        value = node
        for output in ends.get(node, ()):
            code.append(("store", slots[output]))
            if output.kind in readable:
                places.setdefault(node, slots[output])
    return [(_NUMBERS[name], *operands, 0, 0)[:3] for name, *operands in code], count - len(slots)


def _is_scalar(node: Node) -> bool:
    return node.operation == "row" and node.operands[0].scalar
