"""Where a program runs: on this CPU, or through PopTorch with its options, operator and pipeline stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

from .compiled_op import load_op
from .graph import Graph
from .sdk import import_poptorch
from .settings import Settings
from .unavailable import IpuUnavailable

__all__ = ["Place", "placed"]


@dataclass(frozen=True)
class Place:
    """Where a program runs: PopTorch and its options (None for the CPU), its operator, the stage of each node."""

    poptorch: Any
    options: Any
    op: Any
    stage: Callable[[str], Any]


def placed(graph: Graph, settings: Settings) -> Place:
    """Where a program runs under some settings.

    Args:
        graph: The program; with ``half`` its weights become float16.
        settings: What was asked for.

    Returns:
        The place.

    Raises:
        IpuUnavailable: If the target or the compiled operator is not here.
        ValueError: If the pipeline names no layer.

    Example:
        >>> import torch
        >>> import snn_core as snn
        >>> from snn_ipu import lower
        >>> graph = lower(snn.Leaky(beta=0.9, init_hidden=True), torch.rand(5, 4, 3)).graph
        >>> placed(graph, Settings(target="cpu")).poptorch is None
        True
    """
    paths = {node["path"] for node in graph.description["nodes"]}
    for path in settings.pipeline or {}:
        if path not in paths:
            raise ValueError(f"pipeline names {path!r}, which is no layer; there are {', '.join(sorted(paths))}")
    poptorch = _poptorch(settings.target)
    if poptorch is None:
        if settings.half or settings.ops == "custom":
            what = "half=True runs" if settings.half else "ops='custom' runs"
            raise IpuUnavailable(f"{what} on an IPU only, and this program runs on the CPU; leave it out")
        return Place(None, None, None, Graph.no_stage)
    op = None
    if settings.ops != "primitives":
        try:
            op = load_op(poptorch)
        except IpuUnavailable:
            if settings.ops == "custom":
                raise
    stage = Graph.no_stage if settings.pipeline is None else _stages(poptorch, graph, settings.pipeline)
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
    except IpuUnavailable:
        if target == "auto":
            return None
        raise
    if target in ("auto", "hw") and not poptorch.ipuHardwareIsAvailable():
        if target == "auto":
            return None
        raise IpuUnavailable(
            "no IPU attached; target='model' runs the SDK's IPU Model, target='offline' only compiles, target='cpu' "
            "runs the program here"
        )
    return poptorch


def _stages(poptorch: Any, graph: Graph, pipeline: dict[str, int]) -> Callable[[str], Any]:
    """Blocks by the path of a node: a node that is not named goes where the one before it went."""
    where, ipu = {}, 0
    for node in graph.description["nodes"]:
        ipu = pipeline.get(node["path"], ipu)
        where[node["path"]] = ipu
    return lambda path: poptorch.Block(f"ipu{where[path]}", ipu_id=where[path])
