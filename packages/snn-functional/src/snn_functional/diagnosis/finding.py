"""One fault of a net, or a possible one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from snn_core.backends import Issue
from snn_core.results import Line
from snn_functional._messages import must
from snn_functional._numbers import is_real


@dataclass(frozen=True, init=False, repr=False)
class Finding(Issue):
    """One fault of a net, or a possible one: an issue with the number that was measured.

    Args:
        code: A stable identifier of the kind of finding: ``"silent_layer"``.
        severity: ``"error"`` if it prevents the net from learning, ``"warning"`` if it probably does, ``"info"`` if it
            may be intended.
        module: Path of the layer in the net, as in ``net.named_modules()``; empty for the net as a whole.
        value: The number that was measured, or None.
        message: The finding, in one sentence.
        remedy: What to do about it.

    Raises:
        TypeError: If a text is not a string or ``value`` is not a number.
        ValueError: If ``severity`` is not one of the three.

    Example:
        >>> print(Finding("zero_input", "error", "", 0.0, "The batch is zero everywhere.", "Look at the data."))
        error    zero_input in the net
                 The batch is zero everywhere.
                 -> Look at the data.
    """

    value: float | None = None

    def __init__(self, code: str, severity: str, module: str, value: float | None, message: str, remedy: str) -> None:
        if not isinstance(module, str):
            raise TypeError(must("module", "be a str", repr(module)))
        if value is not None and not is_real(value):
            raise TypeError(must("value", "be a number, or None", repr(value)))
        super().__init__(code, module, message, remedy, severity=severity)
        object.__setattr__(self, "value", value)

    @property
    def module(self) -> str:
        """The path of the layer, the same as ``where``."""
        return self.where

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON data."""
        return {name: getattr(self, name) for name in ("code", "severity", "module", "value", "message", "remedy")}

    def _lines(self) -> list[Line]:
        return [described([self])]


def described(findings: Sequence[Finding]) -> str:
    """Return the text of findings of one kind and one remedy, which name the layers that they are in."""
    first, places = findings[0], [repr(finding.where) if finding.where else "the net" for finding in findings]
    texts = [finding.message for finding in findings]
    if len(set(texts)) == 1:
        texts = texts[:1]
    else:
        texts = [f"{place}: {text}" for place, text in zip(places, texts, strict=True)]
    head = f"{first.severity:<8} {first.code} in {', '.join(places)}"
    return "\n".join([head, *(f"{'':9}{text}" for text in (*texts, f"-> {first.remedy}"))])
