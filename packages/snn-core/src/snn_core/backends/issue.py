"""One thing that is wrong with a net, or may be, whoever finds it."""

from __future__ import annotations

from dataclasses import dataclass, field

SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong with a net or a graph, or may be.

    What a target cannot run is one, and so is what ``snn.diagnose`` and ``snn.nir.check`` find.

    Args:
        code: What it is, a stable identifier: ``"IPU001"``, ``"silent_layer"``.
        where: Path of the module in the net or of the node in the graph, ``""`` for the whole.
        message: What is wrong.
        remedy: What to do about it.
        severity: ``"error"`` for what stands in the way, ``"warning"`` for what probably does, ``"info"`` for what may
            be meant.

    Raises:
        TypeError: If one of them is not a text.
        ValueError: If ``severity`` is none of the three.

    Example:
        >>> print(Issue("LOOP001", "1", "Leaky has init_hidden=False", "build it with init_hidden=True"))
        LOOP001 in '1': Leaky has init_hidden=False; build it with init_hidden=True
    """

    code: str
    where: str
    message: str
    remedy: str
    severity: str = field(default="error", kw_only=True)

    def __post_init__(self) -> None:
        for name in ("code", "where", "message", "remedy", "severity"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name} is {getattr(self, name)!r}; pass a str")
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity is {self.severity!r}; pass one of {', '.join(SEVERITIES)}")

    def __str__(self) -> str:
        return f"{self.code}{f' in {self.where!r}' if self.where else ''}: {self.message}; {self.remedy}"
