"""Graphs as text and as flowcharts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import nir

from snn_core.results import aligned
from snn_nir.graphs.fields import check_depth, node_fields, place, type_name
from snn_nir.graphs.shapes import checked_edges
from snn_nir.graphs.values import as_array


def to_text(graph: nir.NIRGraph) -> str:
    """Return a graph as text: one line per node, with its shapes, its parameters and the targets of its output.

    Args:
        graph: The graph; shapes appear if they are known.

    Returns:
        The lines. A parameter with one value throughout appears as that value, any other as its shape and range.

    Raises:
        NIRError: ``NIR107`` for graphs nested in themselves, or too deeply.

    Example:
        >>> import numpy as np
        >>> print(to_text(nir.NIRGraph.from_list(nir.Linear(np.eye(2)), nir.Threshold(np.ones(2)))))
        input      Input      [2] -> [2]                           -> linear
        linear     Linear     [2] -> [2]  weight=[2, 2] in [0, 1]  -> threshold
        threshold  Threshold  [2] -> [2]  threshold=1              -> output
        output     Output     [2] -> [2]
    """
    columns = [column for column in zip(*_rows(graph, "", 0), strict=True) if any(column)]
    return "\n".join(aligned([*zip(*columns, strict=True)]))


def _rows(graph: nir.NIRGraph, where: str, depth: int) -> Iterator[tuple[str, str, str, str, str]]:
    check_depth(where, depth)
    indent = "  " * depth
    for name, node in graph.nodes.items():
        targets = ", ".join(end for start, end in graph.edges if start == name)
        onward = f"-> {targets}" if targets else ""
        if isinstance(node, nir.NIRGraph):
            yield indent + name, "NIRGraph", f"{len(node.nodes)} nodes", "", onward
            yield from _rows(node, place(where, name), depth + 1)
        else:
            yield indent + name, type_name(node, name), _shapes(node), _parameters(node, name), onward


def _shapes(node: Any) -> str:
    ports = (node.input_type or {}).get("input"), (node.output_type or {}).get("output")
    return " -> ".join("?" if port is None else str([int(size) for size in port]) for port in ports)


def _parameters(node: nir.NIRNode, name: str) -> str:
    fields = node_fields(node, name)
    return " ".join(
        f"{field}={_brief(value)}"
        for field, value in fields.items()
        if value is not None and field not in ("shape", "input_type", "input_shape")
    )


def _brief(value: Any) -> str:
    if isinstance(value, str):
        return value
    array = as_array(value)
    if array.size and array.dtype.kind in "biuf" and (array == array.flat[0]).all():
        return f"{array.flat[0]:g}" if array.ndim < 2 else f"{list(array.shape)} of {array.flat[0]:g}"
    if array.ndim <= 1 and array.size <= 3:
        return "[" + ", ".join(f"{number:g}" for number in array.reshape(-1)) + "]"
    return f"{list(array.shape)} in [{array.min():g}, {array.max():g}]" if array.size else str(list(array.shape))


def to_mermaid(graph: nir.NIRGraph) -> str:
    """Return a graph as a Mermaid flowchart, which GitHub and many editors draw.

    Args:
        graph: The graph; nested graphs become boxes.

    Returns:
        The text of the chart.

    Raises:
        NIRError: ``NIR107`` for graphs nested in themselves, or too deeply; ``NIR201`` for an edge to a missing node.

    Example:
        >>> import numpy as np
        >>> print(to_mermaid(nir.NIRGraph.from_list(nir.Threshold(np.ones(2)))))
        flowchart LR
          n0(["input<br/>Input [2]"])
          n1["threshold<br/>Threshold [2]"]
          n2(["output<br/>Output [2]"])
          n0 --> n1
          n1 --> n2

    Source: https://mermaid.js.org/syntax/flowchart.html.
    """
    lines = ["flowchart LR"]
    _draw(graph, "", 0, "n", lines)
    return "\n".join(lines)


def _draw(graph: nir.NIRGraph, where: str, depth: int, prefix: str, lines: list[str]) -> None:
    check_depth(where, depth)
    indent = "  " * (depth + 1)
    names = {name: f"{prefix}{number}" for number, name in enumerate(graph.nodes)}
    for name, node in graph.nodes.items():
        if isinstance(node, nir.NIRGraph):
            lines.append(f'{indent}subgraph {names[name]} ["{_escaped(name)}"]')
            _draw(node, place(where, name), depth + 1, f"{names[name]}_", lines)
            lines.append(f"{indent}end")
            continue
        kind = type_name(node, name)
        shape = _shapes(node).split(" -> ")[-1]
        opening, closing = ("([", "])") if kind in ("Input", "Output") else ("[", "]")
        label = f"{_escaped(name)}<br/>{kind}{'' if shape == '?' else ' ' + shape}"
        lines.append(f'{indent}{names[name]}{opening}"{label}"{closing}')
    lines += [f"{indent}{names[start]} --> {names[end]}" for start, end in checked_edges(graph, where)]


def _escaped(name: str) -> str:
    """Replace characters that would end or change a label with Mermaid's entity codes."""
    return "".join(sign if sign.isalnum() or sign in " _-." else f"#{ord(sign)};" for sign in name)
