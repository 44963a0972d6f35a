"""One thing that is wrong with a net, or may be."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

__all__ = ["SEVERITIES", "Finding"]

SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a net, or may be.

    Args:
        code: What it is, in one word that never changes: ``"silent_layer"``.
        severity: ``"error"`` for what keeps the net from learning, ``"warning"`` for what probably does, ``"info"`` for
            what may be meant.
        module: Path of the layer in the net, as in ``net.named_modules()``; empty for the net as a whole.
        value: The number that was found, or None.
        message: What was found, in one sentence.
        remedy: What to do about it.

    Raises:
        TypeError: If a text is no text or ``value`` no number.
        ValueError: If ``severity`` is none of the three.

    Example:
        >>> print(Finding("zero_input", "error", "", 0.0, "The batch is zero everywhere.", "Look at the data."))
        error    zero_input in the net
                 The batch is zero everywhere.
                 -> Look at the data.
    """

    code: str
    severity: str
    module: str
    value: float | None
    message: str
    remedy: str

    def __post_init__(self) -> None:
        for name in ("code", "severity", "module", "message", "remedy"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name} is {getattr(self, name)!r}; pass a str")
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity is {self.severity!r}; pass one of {', '.join(SEVERITIES)}")
        if self.value is not None and (not isinstance(self.value, Real) or isinstance(self.value, bool)):
            raise TypeError(f"value is {self.value!r}; pass a number, or None")

    def __str__(self) -> str:
        head = f"{self.severity:<8} {self.code} in {repr(self.module) if self.module else 'the net'}"
        return "\n".join([head, *(f"{'':9}{text}" for text in (self.message, f"-> {self.remedy}"))])
