"""Code for the machine of the compiled library: instructions on one accumulator and rows of memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

_BEAM = 6  # orders of instructions that the search keeps at a time
_PROGRESS = 4  # the weight of an order's progress against its cost
_STORE = 2.0  # the time of a store, relative to another instruction

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


class _Way(NamedTuple):
    """The instruction that computes a node: from the accumulator, which holds ``source``, and operands in memory."""

    name: str
    source: int
    rest: tuple[int, ...]
    covered: frozenset[int]
    """The nodes that it computes."""

    cost: float


class _Order(NamedTuple):
    """Some of the instructions in an order, and the resulting places of values."""

    cost: float
    worth: float  # the least cost of the computed nodes, over all ways
    code: Any  # a linked list: the earlier code, and an instruction as (operation, *operands)
    accumulator: int | None
    kept: frozenset[int]  # computed nodes that lie in a row
    done: frozenset[int]


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
    nodes = _with_resets_apart(nodes, outputs)
    order = _ordered(nodes, outputs, readable)
    code = []
    while order:
        order, instruction = order
        code.append(instruction)
    return _numbered(code[::-1], nodes, readable, slots)


def _with_resets_apart(nodes: Sequence[Node], outputs: Sequence[tuple[Row, int]]) -> list[Node]:
    """Return the nodes with a new ``1 - (b > c)`` of rows for each product, which is then one instruction."""
    ends = [node for _, node in outputs]
    users, made = _users(nodes, [*ends]), [*nodes]
    for kept, node in enumerate(nodes):
        if (
            node.operation != "sub"
            or not _is_one(nodes[node.operands[0]])
            or kept in ends
            or len(users.get(kept, ())) < 2
        ):
            continue
        fired = nodes[node.operands[1]]
        if fired.operation != "gt" or any(nodes[operand].operation != "row" for operand in fired.operands):
            continue
        products = all(nodes[user].operation == "mul" and nodes[user].operands.count(kept) == 1 for user in users[kept])
        if products and users[node.operands[1]] == [kept]:
            for user in users[kept]:
                made += [fired, Node("sub", (node.operands[0], len(made)))]
                other = next(operand for operand in nodes[user].operands if operand != kept)
                made[user] = Node("mul", (other, len(made) - 1))
    return made


def _ordered(nodes: Sequence[Node], outputs: Sequence[tuple[Row, int]], readable: frozenset[str]) -> Any:
    """Return the instructions in an order that keeps few values in memory between them."""
    ends: dict[int, list[Row]] = {}
    for row, node in outputs:
        ends.setdefault(node, []).append(row)
    users = _users(nodes, [*ends])
    work = sorted(node for node in users if nodes[node].operation != "row")
    leaves = frozenset(users).difference(work)
    inner = {node for node in work if len(users[node]) == 1 and node not in ends}
    ways = {node: _ways(nodes, node, inner) for node in work}
    least: dict[int, float] = {}
    for way in (way for each in ways.values() for way in each):
        share = way.cost / len(way.covered)
        least |= {node: min(share, least.get(node, share)) for node in way.covered}

    def kept(order: _Order, covered: frozenset[int]) -> _Order:
        """Keep the accumulator in memory if any node needs it except those computed next from it."""
        value = order.accumulator
        if value is None or value in order.kept or order.done.union(covered).issuperset(users[value]):
            return order
        code = (order.code, ("store", value))
        return order._replace(cost=order.cost + _STORE, code=code, kept=order.kept | {value})

    def computed(order: _Order, node: int, way: _Way) -> _Order:
        if way.source == order.accumulator and way.source not in way.rest:
            order = kept(order, way.covered)
        else:
            order = kept(order, frozenset())
            if way.source != order.accumulator:
                order = order._replace(cost=order.cost + 1, code=(order.code, ("load", way.source)))
        code, cost, memory = (order.code, (way.name, *way.rest)), order.cost + way.cost, order.kept
        for row in ends.get(node, ()):
            code, cost = (code, ("output", node, row)), cost + _STORE
            memory = memory | {node} if row.kind in readable else memory
        worth = order.worth + sum(least[n] for n in way.covered)
        return _Order(cost, worth, code, node, memory, order.done | way.covered)

    def choices(order: _Order, there: frozenset[int | None], node: int) -> list[_Way]:
        ready = [w for w in ways[node] if there.issuperset((w.source, *w.rest)) and order.done.isdisjoint(w.covered)]
        held = [w for w in ready if w.source == order.accumulator]
        # if something is loaded anyway, one way of each length is enough
        return held or [*{len(w.covered): w for w in reversed(ready)}.values()]

    orders, finished = [_Order(0.0, 0.0, None, None, frozenset(), frozenset())], []
    while orders:
        following: dict[Any, _Order] = {}
        for order in orders:
            there = leaves.union(order.kept, [order.accumulator])
            for node in work:
                for way in choices(order, there, node) if node not in order.done else ():
                    after = computed(order, node, way)
                    key = after.accumulator, after.kept, after.done
                    if key not in following or after.cost < following[key].cost:
                        following[key] = after
        finished += [order for order in orders if len(order.done) == len(work)]
        best = sorted(following.values(), key=lambda order: order.cost - _PROGRESS * order.worth)
        orders = best[:_BEAM]
    code = min(finished, key=lambda order: order.cost).code
    for node in ends:
        if node in leaves:
            code = (code, ("load", node))
            for row in ends[node]:
                code = (code, ("output", node, row))
    return code


def _users(nodes: Sequence[Node], ends: list[int]) -> dict[int, list[int]]:
    """Return the nodes that lead to some ends, each with the nodes that are computed from it."""
    users: dict[int, list[int]] = {}
    waiting = ends
    while waiting:
        node = waiting.pop()
        if node not in users:
            users[node] = []
            waiting += [] if nodes[node].operation == "row" else nodes[node].operands
    for node in users:
        for operand in nodes[node].operands if nodes[node].operation != "row" else ():
            users[operand].append(node)
    return users


def _ways(nodes: Sequence[Node], node: int, inner: set[int]) -> list[_Way]:
    """Return the instructions that compute a node, those with a row in the accumulator first.

    Args:
        nodes: All nodes.
        node: The node to compute.
        inner: Nodes with a single user, which an instruction may compute on its way.
    """
    operation, operands = nodes[node]
    names = _FORMS.get(operation, (operation, _TURNED.get(operation, operation)))
    ways = []
    for place, name in enumerate(names[: len(operands)]):
        rest = tuple(o for i, o in enumerate(operands) if i != place)
        ways.append(_Way(name, operands[place], rest, frozenset({node}), 1))
        if len(operands) != 2 or rest[0] not in inner:
            continue
        second = nodes[rest[0]]
        if operation in _WITH_PRODUCT and second.operation == "mul":
            name, (b, c) = _WITH_PRODUCT[operation][place], second.operands
            ways.append(_Way(name, operands[place], (b, c), frozenset({node, rest[0]}), 1.5))
            for fired, amount in ((b, c), (c, b)):
                if name == "sub_mul" and fired in inner and nodes[fired] == ("gt", (nodes[fired].operands[0], amount)):
                    compared = nodes[fired].operands
                    ways.append(_Way("sub_fired", operands[place], compared, frozenset({node, rest[0], fired}), 2))
        if operation == "mul" and second.operation == "sub" and _is_one(nodes[second.operands[0]]):
            fired = second.operands[1]
            if fired in inner and nodes[fired].operation == "gt":
                compared = nodes[fired].operands
                ways.append(_Way("mul_kept", operands[place], compared, frozenset({node, rest[0], fired}), 2))
    return sorted(ways, key=lambda way: _is_scalar(nodes[way.source]))


def _is_one(node: Node) -> bool:
    return node.operation == "row" and node.operands[0].number == 1.0


def _is_scalar(node: Node) -> bool:
    return node.operation == "row" and node.operands[0].scalar


def _numbered(
    code: Sequence[tuple[Any, ...]], nodes: Sequence[Node], readable: frozenset[str], slots: Mapping[Row, int]
) -> tuple[list[tuple[int, int, int]], int]:
    """Return the code with slots for operands, in which each temporary row exists only while it is needed."""
    last = {operand: i for i, (name, *operands) in enumerate(code) if name != "output" for operand in operands}
    places: dict[int, int] = {}
    free: list[int] = []
    count = 0
    numbered = []
    for i, (name, *operands) in enumerate(code):
        if name == "output":
            node, row = operands
            if row.kind in readable and node not in places and nodes[node].operation != "row":
                places[node] = slots[row]
            numbered.append((_NUMBERS["store"], slots[row], 0))
            continue
        if name == "store":
            if free:
                place = free.pop()
            else:
                place, count = len(slots) + count, count + 1
            places[operands[0]] = place
            numbered.append((_NUMBERS["store"], place, 0))
        else:
            operand_slots = [
                slots[nodes[o].operands[0]] if nodes[o].operation == "row" else places[o] for o in operands
            ]
            first, second = (*operand_slots, 0, 0)[:2]
            numbered.append((_NUMBERS[name], first, second))
        ended = (node for node in dict.fromkeys(operands) if last[node] == i)
        free += [places[node] for node in ended if places.get(node, -1) >= len(slots)]
    return numbered, count
