"""How a program runs: where, and in how many parts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

__all__ = ["Settings"]

_TARGETS = ("auto", "cpu", "hw", "model", "offline")


@dataclass(frozen=True)
class Settings:
    """How a program runs.

    Args:
        target: ``"hw"`` an IPU, ``"model"`` the SDK's IPU Model, ``"offline"`` compiles without a device, ``"cpu"``
            this machine without any SDK; ``"auto"`` an IPU where PopTorch and a device are here, else the CPU.
        device_iterations: Training steps, or batches to infer, of one call.
        gradient_accumulation: Parts of a batch whose gradients make one training step.
        replication_factor: Copies of the program, each with its part of the batch.
        pipeline: IPU of each layer, by the path of its module; layers not named follow the one before. None for one
            IPU.
        half: Weights and input in float16, on an IPU only.
        cache_dir: Folder where PopTorch keeps executables, or None.
        ops: ``"primitives"``, ``"custom"`` for the compiled operator, ``"auto"`` for it where a build fits the SDK.

    Raises:
        ValueError: If a value is out of range.

    Example:
        >>> Settings(device_iterations=4, gradient_accumulation=2).split
        8
    """

    target: str = "auto"
    device_iterations: int = 1
    gradient_accumulation: int = 1
    replication_factor: int = 1
    pipeline: dict[str, int] | None = None
    half: bool = False
    cache_dir: str | None = None
    ops: str = "auto"

    def __post_init__(self) -> None:
        if self.target not in _TARGETS:
            raise ValueError(f"target is {self.target!r}; choose one of {', '.join(_TARGETS)}")
        if self.ops not in ("auto", "custom", "primitives"):
            raise ValueError(f"ops is {self.ops!r}; choose 'auto', 'custom' or 'primitives'")
        for name in ("device_iterations", "gradient_accumulation", "replication_factor"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is {value!r}; it is a number of parts of the batch, at least 1")

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Settings:
        """Settings by name.

        Args:
            settings: What a caller passed.

        Returns:
            The settings.

        Raises:
            TypeError: If one is unknown.
            ValueError: If a value is out of range.

        Example:
            >>> Settings.of({"half": True}).half
            True
        """
        known = [f.name for f in fields(cls)]
        unknown = [name for name in settings if name not in known]
        if unknown:
            raise TypeError(f"there is no setting {unknown[0]!r}; there are {', '.join(known)}")
        return cls(**settings)

    @property
    def split(self) -> int:
        """Number of parts that one call's batch is cut into."""
        return self.device_iterations * self.gradient_accumulation * self.replication_factor
