"""The place of a program: this CPU, or an IPU through PopTorch with its options and stages."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Callable

from snn_ipu.device.compiled_op import load_op
from snn_ipu.device.sdk import IpuUnavailable, import_poptorch
from snn_ipu.program.graph import Graph

__all__ = ["Place", "Settings", "placed"]


@dataclass(frozen=True)
class Place:
    """The place of a program: PopTorch and its options (None for the CPU), its operator, the stage of each node."""

    poptorch: Any = None
    options: Any = None
    op: Any = None
    stage: Callable[[str], Any] = nullcontext


def placed(graph: Graph, settings: Settings) -> Place:
    """Return the place of a program under some settings."""
    paths = {node["path"] for node in graph.description["nodes"]}
    for path in settings.pipeline or {}:
        if path not in paths:
            raise ValueError(
                f"pipeline names {path!r}, which is not a layer; the layers are {', '.join(sorted(paths))}"
            )
    poptorch = _poptorch(settings.target)
    if poptorch is None:
        if settings.half or settings.ops == "custom":
            what = "half=True" if settings.half else "ops='custom'"
            raise IpuUnavailable(f"{what} runs on an IPU only, but this program runs on the CPU; leave it out")
        return Place()
    op = None
    if settings.ops != "primitives":
        try:
            op = load_op(poptorch)
        except IpuUnavailable:
            if settings.ops == "custom":
                raise
    stage = nullcontext if settings.pipeline is None else _stages(poptorch, graph, settings.pipeline)
    if settings.half:
        graph.half()
    return Place(poptorch, _options(poptorch, settings), op, stage)


def _options(poptorch: Any, settings: Settings) -> Any:
    options = poptorch.Options()
    options.deviceIterations(settings.device_iterations)
    options.replicationFactor(settings.replication_factor)
    if settings.target == "model":
        options.useIpuModel(True)
    if settings.target == "offline":
        options.useOfflineIpuTarget(2)
    if settings.cache_dir is not None:
        options.enableExecutableCaching(settings.cache_dir)
    return options


def _poptorch(target: str) -> Any:
    if target == "cpu":
        return None
    try:
        poptorch = import_poptorch()
        if target in ("auto", "hw") and not poptorch.ipuHardwareIsAvailable():
            raise IpuUnavailable(
                "no IPU attached; target='model' runs the SDK's IPU Model, target='offline' only compiles, "
                "target='cpu' runs the program here"
            )
    except IpuUnavailable:
        if target == "auto":
            return None
        raise
    return poptorch


def _stages(poptorch: Any, graph: Graph, pipeline: dict[str, int]) -> Callable[[str], Any]:
    """Assign nodes to blocks by path: a node that is not named goes where the previous one went."""
    ipus, ipu = {}, 0
    for node in graph.description["nodes"]:
        ipu = ipus[node["path"]] = pipeline.get(node["path"], ipu)
    return partial(_block, poptorch.Block, ipus)  # which can be pickled with a model, unlike a lambda


def _block(block: Callable[..., Any], ipus: dict[str, int], path: str) -> Any:
    return block(f"ipu{ipus[path]}", ipu_id=ipus[path])


_TARGETS = ("auto", "cpu", "hw", "model", "offline")


@dataclass(frozen=True)
class Settings:
    """Settings for a run of a program.

    Args:
        target: ``"hw"`` an IPU, ``"model"`` the SDK's IPU Model, ``"offline"`` compiles without a device, ``"cpu"``
            this machine without any SDK; ``"auto"`` an IPU if PopTorch and a device are available, else the CPU.
        device_iterations: Training steps, or batches to infer, per call.
        gradient_accumulation: Parts of a batch whose gradients make one training step.
        replication_factor: Copies of the program, each with its part of the batch.
        pipeline: IPU of each layer, by the path of its module; layers not named follow the one before. None for one
            IPU.
        half: Weights and input in float16, on an IPU only.
        cache_dir: Folder where PopTorch keeps executables, or None.
        ops: ``"primitives"``, ``"custom"`` for the compiled operator, ``"auto"`` for it if a build fits the SDK.

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
                raise ValueError(f"{name} is {value!r}; pass a whole number, at least 1")

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Settings:
        """Return settings from arguments by name."""
        known = [f.name for f in fields(cls)]
        unknown = [name for name in settings if name not in known]
        if unknown:
            raise TypeError(f"there is no setting {unknown[0]!r}; the settings are {', '.join(known)}")
        return cls(**settings)

    @property
    def split(self) -> int:
        """The number of parts into which one call's batch is cut."""
        return self.device_iterations * self.gradient_accumulation * self.replication_factor
