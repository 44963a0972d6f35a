"""Codes of everything that snn-nir refuses, repairs or warns about."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from snn_core.backends import Issue
from snn_core.results import Line

__all__ = ["CODES", "Code", "Finding", "NIRError", "NIRWarning"]


class Code(NamedTuple):
    """The meaning of a code, and the remedy."""

    meaning: str
    remedy: str


CODES: dict[str, Code] = {
    # 1xx: the file
    "NIR101": Code("not a readable HDF5 file", "check the path, or write the file again"),
    "NIR102": Code("the file contains no NIR graph", "a NIR file has a group 'node' of type NIRGraph"),
    "NIR103": Code("a link that is not a plain entry of this file", "copy what it points to into the file"),
    "NIR104": Code("data kept outside the dataset itself", "store it in the file, without external or virtual parts"),
    "NIR105": Code("larger than the reader allows", "raise the limit in Limits if the file is trusted"),
    "NIR106": Code("data of the wrong kind for this field", "store real numbers for values and text for names"),
    "NIR107": Code("nested too deeply, or in itself", "flatten the graph"),
    "NIR108": Code("a field is missing", "write the file with a complete node"),
    "NIR109": Code("unknown node type", "use one of the NIR primitives"),
    "NIR110": Code("unknown field", "remove it, or move it into the node's metadata"),
    "NIR111": Code("damaged data", "write or copy the file again"),
    "NIR112": Code("compressed by an unsupported filter", "write it uncompressed or with gzip or lzf"),
    "NIR113": Code("a name that a NIR file cannot store", "use non-empty text without '/' or a null character"),
    "NIR114": Code("metadata that a NIR file cannot store", "keep text, numbers, bools, arrays and dicts of these"),
    "NIR115": Code("the sidecar does not belong to the graph", "write graph and sidecar again, together"),
    "NIR116": Code("unknown compatibility target", "use compat=None or compat='nir<=1.0.4'"),
    "NIR117": Code("cannot be expressed in the older format", "write without compat, or change the node"),
    # 2xx: structure, shapes and values of a graph
    "NIR201": Code("an edge names a node that does not exist", "rename it to an existing node"),
    "NIR202": Code("edges renamed to the only unconnected node", "write the repaired graph to keep it"),
    "NIR203": Code("the graph has no Input or no Output", "add an Input and an Output node"),
    "NIR204": Code("shapes disagree", "make the sizes on both ends of the edge equal"),
    "NIR205": Code("a shape cannot be inferred", "give the Input its shape, or the node its input_shape"),
    "NIR206": Code("a parameter has the wrong shape", "give every parameter the shape that the node's type asks for"),
    "NIR207": Code("a value is NaN or infinite", "replace it with a finite number"),
    "NIR208": Code("a time constant or delay is out of range", "time constants must be > 0 and delays >= 0"),
    "NIR209": Code("a node is not connected", "connect it or remove it"),
    "NIR210": Code("two edges between the same nodes", "each counts: their values are summed"),
    "NIR211": Code("an added Input or Output", "write the repaired graph to keep it"),
    "NIR212": Code("a size, stride, dilation or group count is out of range", "use whole numbers in the allowed range"),
    "NIR213": Code("a single value where one per neuron is expected", "write the repaired graph to keep it"),
    "NIR214": Code("a shape in the file differs from the inferred one", "write the repaired graph to keep it"),
    "NIR215": Code("a cycle without any node that keeps a state", "put a neuron or a Delay on the cycle"),
    "NIR216": Code("text that Python cannot decode", "store it as UTF-8"),
    "NIR217": Code("an unknown profile or target", "use one of those listed"),
    "NIR218": Code("a part that this target does not run as NIR does", "see the finding, or choose another target"),
    "NIR219": Code("a nested graph with several inputs or outputs on an edge", "give it one Input and one Output"),
    # 3xx: import
    "NIR301": Code("a node that cannot be run", "use one of the NIR primitives"),
    "NIR303": Code("a node without any input", "connect it, or remove it"),
    "NIR304": Code("metadata that disagrees with the node", "the node's own fields are used; export the net again"),
    "NIR305": Code("an unknown reset", "use 'zero', 'subtract' or 'none'"),
    # 4xx: export
    "NIR401": Code("a module that cannot be exported", "replace it, or pass on_unsupported='drop' to leave it out"),
    "NIR402": Code("an option that cannot be exported", "change it, or pass on_unsupported='metadata' or 'drop'"),
    "NIR403": Code("an operation that cannot be exported", "write it with layers, or leave it out of the network"),
    "NIR404": Code(
        "a forward without a fixed graph",
        "write it for one time step, without branches on values and without using the states that neurons keep",
    ),
    "NIR405": Code("a sample that does not fit", "pass one step's input [batch, ...], or a tuple of them"),
    "NIR406": Code("a value that stays inside its NIR node", "return the spikes, or choose another reset"),
    "NIR407": Code("left out of the graph", "compare the two with fidelity(net, graph)"),
    "NIR408": Code("only in the metadata", "other readers reset to zero; reset='decomposed' adds nodes for it"),
    "NIR409": Code("an argument out of range", "pass one of the values listed"),
    "NIR410": Code("a layer that acts differently while training", "call net.eval() before the export"),
    "NIR411": Code(
        "a neuron that one step calls more than once", "use a second neuron, or export the body of the loop"
    ),
    # 5xx: time step and units
    "NIR501": Code("no time step is recorded", "pass dt"),
    "NIR502": Code("the parameters imply different time steps", "pass dt"),
    "NIR503": Code("a time step longer than a time constant", "pass a smaller dt, time_unit, or method='exact'"),
    "NIR504": Code("forward Euler diverges", "pass a smaller dt, time_unit, or method='exact'"),
    "NIR505": Code("a delay that is not a whole number of steps", "choose a dt that divides it"),
}


@dataclass(frozen=True, repr=False)
class Finding(Issue):
    """One fault of a graph, or one deviation from the intended result.

    Args:
        code: ``NIRxxx``, a key of :data:`CODES`.
        where: The node, the field or the path in the file, as in ``"node 'lif', tau"``.
        message: The fault, with the value.
        remedy: The action that fixes it.
        severity: ``"error"`` if the graph cannot be run or written, ``"warning"`` if the result would
            differ from what was intended.

    Example:
        >>> print(finding("NIR210", "edge 'a' -> 'b'", "2 edges", severity="warning"))
        warning NIR210: edge 'a' -> 'b': two edges between the same nodes: 2 edges; each counts: their values are summed
    """

    @property
    def text(self) -> str:
        """The place, the fault and the remedy, as text."""
        return f"{self.where}: {self.message}; {self.remedy}"

    def __iter__(self) -> Iterator[str]:
        return iter((self.code, self.severity, self.text))

    def __getitem__(self, index: int) -> str:
        return (self.code, self.severity, self.text)[index]

    def _lines(self) -> list[Line]:
        return [f"{self.severity} {self.code}: {self.text}"]


class _Coded(Exception):
    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        self.code: str = code

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.args[1]}"


class NIRError(_Coded, ValueError):
    """Error for a refused file, graph or network.

    Args:
        code: ``NIRxxx``, a key of :data:`CODES`.
        text: The place, the value and the remedy.

    Attributes:
        code: ``NIRxxx``.
        finding: The same as a :class:`Finding`; None unless snn_nir raised it.

    Example:
        >>> NIRError("NIR208", "node 'lif': tau is -1").code
        'NIR208'
    """

    finding: Finding | None = None


class NIRWarning(_Coded, UserWarning):
    """Warning about a repair or an assumption; ``code`` says which.

    Args:
        code: ``NIRxxx``, a key of :data:`CODES`.
        text: The place, the value and what was done.

    Attributes:
        code: ``NIRxxx``.

    Example:
        >>> str(NIRWarning("NIR211", "node 'lif': output added"))
        "NIR211: node 'lif': output added"
    """


def finding(code: str, where: str, problem: str, remedy: str | None = None, *, severity: str = "error") -> Finding:
    """Return the finding for a code, with the table's remedy if ``remedy`` is None.

    Example:
        >>> finding("NIR208", "node 'lif'", "tau is -1.0").message
        'a time constant or delay is out of range: tau is -1.0'
    """
    entry = CODES[code]
    remedy = entry.remedy if remedy is None else remedy
    return Finding(code, where, f"{entry.meaning}: {problem}", remedy, severity=severity)


def refusal(code: str, where: str, problem: str, remedy: str | None = None) -> NIRError:
    """Return the error for a code, ready to be raised."""
    what = finding(code, where, problem, remedy)
    error = NIRError(code, what.text)
    error.finding = what
    return error


def announce(code: str, where: str, problem: str, remedy: str | None = None) -> None:
    """Warn with a code, at the line outside this package that led here."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("snn_nir."):
        level, frame = level + 1, frame.f_back
    warnings.warn(NIRWarning(code, finding(code, where, problem, remedy).text), stacklevel=level)
